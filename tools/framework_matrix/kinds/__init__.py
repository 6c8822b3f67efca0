"""The rows of the matrix, in the order of the table: a new kind of model is a function that trains one, and a line."""

from framework_matrix.kind import Kind
from framework_matrix.kinds import boosting, networks, plain, statistics, texts

ALL = (*plain.KINDS, *boosting.KINDS, *networks.KINDS, *texts.KINDS, *statistics.KINDS)
KINDS: dict[str, Kind] = {kind.name: kind for kind in ALL}
