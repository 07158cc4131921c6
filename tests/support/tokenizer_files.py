"""``tokenizer.json`` files of the very structure that well-known models have, trained small on the language reference.

The files themselves cannot be fetched by a test; what matters of them is what they consist of.
"""

from __future__ import annotations

import functools
import json
from pydoc_data.topics import topics
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from core.data.tokenizer_file import byte_letters

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
    )
)  # fmt: skip


def marker(content: str) -> AddedToken:
    """A token that stands for nothing in a text."""
    return AddedToken(content, normalized=False, special=True)


def _trained(engine: Tokenizer, markers: list[str], vocab_size: int) -> None:
    text = [topics[name] for name in sorted(topics)[:40]] + ["Grüße aus der Hecke, où l'été 漢字 🎉 " * 20]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[marker(one) for one in markers], initial_alphabet=sorted(byte_letters()),
        show_progress=False,
    )  # fmt: skip
    engine.train_from_iterator(text, trainer)


@functools.cache
def gpt_neox() -> bytes:
    """As GPT-NeoX-20B has it: NFC, markers first, and runs of 24 to 2 spaces as added tokens behind the vocabulary."""
    engine = Tokenizer(models.BPE())
    engine.normalizer = normalizers.NFC()
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    engine.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=True)
    engine.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=True)
    _trained(engine, ["<|endoftext|>", "<|padding|>"], 1_000)
    engine.add_tokens([AddedToken(" " * size, normalized=True, special=False) for size in range(24, 1, -1)])
    return engine.to_str().encode()


@functools.cache
def split_by(pattern: str, nfc: bool = False, markers: tuple[str, ...] = ("<|endoftext|>",)) -> bytes:
    """As Llama 3, Qwen 2 and GPT-4o have it: another expression for words, markers behind the vocabulary."""
    engine = Tokenizer(models.BPE())
    if nfc:
        engine.normalizer = normalizers.NFC()
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    engine.decoder = decoders.ByteLevel()
    _trained(engine, [], 1_000)
    engine.add_special_tokens([marker(one) for one in markers])
    begin = markers[0]
    engine.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, engine.token_to_id(begin))]
            ),
        ]
    )
    return engine.to_str().encode()


@functools.cache
def sentencepiece() -> bytes:
    """As Llama 2 and Mistral have it: spaces as letters, unknown characters as bytes."""
    engine = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    engine.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    engine.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False)
    engine.train_from_iterator(["the hedgerow and the lane " * 50], trainer)
    return engine.to_str().encode()


def changed(raw: bytes, **parts: Any) -> bytes:
    """A file with other parts at the top."""
    return json.dumps(json.loads(raw) | parts).encode()
