"""Models of texts: a pipeline of Transformers, a sentence transformer, spaCy; tiny, and made without a download."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from framework_matrix.kind import Kind, Trained


def lines() -> Any:
    """Return a poem that each Python has, many times over, as a series: lists of texts have no binary format."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        import this
    import pandas as pd

    return pd.Series(codecs.decode(this.s, "rot13").splitlines()[2:] * 32, name="text")


def tokenizer() -> Any:
    """Return a tokenizer that has learnt from the poem."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(lines(), trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {f"{name[1:-1].lower()}_token": name for name in special}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **named)


def bert(class_: str, words: Any) -> Any:
    """Return a tiny network of a class of Transformers, with random weights."""
    import torch
    import transformers

    torch.manual_seed(7)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)
    return getattr(transformers, class_)(config).eval()


def pipeline(folder: Path) -> Trained:
    """A pipeline that classifies texts."""
    import transformers

    words, texts = tokenizer(), lines()
    made = transformers.pipeline(
        "text-classification", bert("BertForSequenceClassification", words), tokenizer=words, device="cpu"
    )
    return Trained(made, texts, made(texts.tolist()))


def network(folder: Path) -> Trained:
    """A network that classifies what a tokenizer has made of texts."""
    import torch

    words = tokenizer()
    rows = words(lines().tolist(), padding=True, return_tensors="pt")
    made = bert("BertForSequenceClassification", words)
    with torch.no_grad():
        answer = made(rows["input_ids"], attention_mask=rows["attention_mask"]).logits
    return Trained(made, rows["input_ids"].numpy(), answer.numpy())


def sentence_transformer(folder: Path) -> Trained:
    """A model that makes vectors of texts."""
    import sentence_transformers
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    words, texts = tokenizer(), lines()
    bert("BertModel", words).save_pretrained(folder)
    words.save_pretrained(folder)
    word_vectors = Transformer(str(folder))
    pooling = Pooling(word_vectors.get_embedding_dimension())
    made = sentence_transformers.SentenceTransformer(modules=[word_vectors, pooling], device="cpu")
    return Trained(made, texts, made.encode(texts.tolist()))


def spacy_pipeline(folder: Path) -> Trained:
    """A pipeline of spaCy that classifies texts; what a document says is written down as plain data."""
    import spacy
    from spacy.training import Example

    texts = lines()
    made = spacy.blank("en")
    categories = made.add_pipe("textcat")
    for label in ("BETTER", "OTHER"):
        categories.add_label(label)
    examples = [
        Example.from_dict(made.make_doc(text), {"cats": {"BETTER": "better" in text, "OTHER": "better" not in text}})
        for text in texts
    ]
    optimizer = made.initialize(lambda: examples)
    for _ in range(3):
        made.update(examples, sgd=optimizer)
    told = [
        {"tokens": [{"text": token.text, "start": token.idx} for token in doc], "cats": doc.cats}
        for doc in map(made, texts)
    ]
    return Trained(made, texts, told)


KINDS = (
    Kind("Transformers, pipeline", "transformers", ("transformers", "torch"), pipeline),
    Kind("Transformers, model", "transformers_model", ("transformers", "torch"), network),
    Kind(
        "Sentence Transformers",
        "sentence_transformers",
        ("sentence-transformers", "transformers", "torch"),
        sentence_transformer,
    ),
    Kind("spaCy", "spacy", ("spacy",), spacy_pipeline),
)
