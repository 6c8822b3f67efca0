"""What `frameworks.py` measures: models, and the servers that are not ours, as files of their own.

A model's file has ``train``, which saves the model for all of them, ``load`` and ``predict``, which takes a list of
what requests have and returns a list of answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_TORCH = """
import numpy, torch
from sklearn.datasets import load_digits

class Perceptron(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU(),
            torch.nn.Linear(256, 10),
        )
    def forward(self, X):
        return self.layers(X)

def train():
    from mlem import api
    rows, kinds = load_digits(return_X_y=True)
    rows = rows.astype("float32") / 16
    torch.manual_seed(7)
    module = Perceptron()
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.from_numpy(rows)), torch.from_numpy(kinds)).backward()
        optimizer.step()
    torch.save(module.state_dict(), "weights.pt")
    api.init(".")
    api.save(module, "net", sample_data=rows[:5])

def load():
    module = Perceptron()
    module.load_state_dict(torch.load("weights.pt", weights_only=True))
    return module.eval()

def predict(model, inputs):
    with torch.inference_mode():
        return model(torch.from_numpy(numpy.asarray(inputs, dtype="float32"))).numpy()
"""
_XGBOOST = """
import numpy, xgboost
from sklearn.datasets import load_digits

def train():
    from mlem import api
    rows, kinds = load_digits(return_X_y=True)
    rows = rows.astype("float32") / 16
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 10}, xgboost.DMatrix(rows, kinds), 50)
    booster.save_model("model.ubj")
    api.init(".")
    api.save(booster, "net", sample_data=rows[:5])

def load():
    return xgboost.Booster(model_file="model.ubj")

def predict(model, inputs):
    return model.inplace_predict(numpy.asarray(inputs, dtype="float32"))
"""
_TRANSFORMERS = """
import transformers

WORDS = "a the movie film was is good bad great boring not very i liked hated it".split()

def train():
    from pathlib import Path
    import torch
    from mlem import api
    from mlem_model.plugins.registry import registry
    if not any("transformers" in name for name in registry().all("model_type")):
        raise SystemExit("no model type for pipelines of Transformers is installed")
    Path("vocab.txt").write_text("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=5 + len(WORDS), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512
    )
    transformers.BertForSequenceClassification(config).eval().save_pretrained("pipeline")
    transformers.BertTokenizerFast("vocab.txt").save_pretrained("pipeline")
    api.init(".")
    api.save(load(), "net", sample_data=["the movie was good", "i hated it"])

def load():
    return transformers.pipeline("text-classification", "pipeline", device="cpu")

def predict(model, inputs):
    return model(inputs)
"""


@dataclass(frozen=True)
class Measured:
    """A model to measure.

    Attributes:
        code: Its file, ``model.py``.
        body: The JSON of a request, of one row.
    """

    code: str
    body: dict[str, Any]


_ROW = [[round(number % 17 / 16, 4) for number in range(64)]]
MODELS = {
    "torch": Measured(_TORCH, {"X": _ROW}),
    "xgboost": Measured(_XGBOOST, {"X": _ROW}),
    "transformers": Measured(_TRANSFORMERS, {"texts": ["the film was very boring"]}),
}
BARE = """
import orjson
from fastapi import FastAPI, Request, Response
import model as code
model = code.load()
app = FastAPI()
@app.post("/predict")
async def predict(request: Request) -> Response:
    (rows,) = orjson.loads(await request.body()).values()
    answer = code.predict(model, rows)
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
"""
"""On the event loop: with one processor a thread would only cost."""
LITSERVE = """
import os, sys, litserve, orjson
from fastapi import Response
import model as code
BATCH = int(os.environ["BATCH"])
class Api(litserve.LitAPI):
    def setup(self, device): self.model = code.load()
    def decode_request(self, request): return next(iter(request.values()))
    def batch(self, inputs): return [row for rows in inputs for row in rows]
    def unbatch(self, output): return [[answer] for answer in output]
    def predict(self, x):
        answer = code.predict(self.model, x)
        return answer.tolist() if hasattr(answer, "tolist") else answer
    def encode_response(self, output): return output
if __name__ == "__main__":
    options = {"max_batch_size": BATCH, "batch_timeout": 0.001} if BATCH > 1 else {}
    server = litserve.LitServer(Api(**options), accelerator="cpu")
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
"""
