"""A byte-level tokenizer of 256 tokens, end of text first."""

from __future__ import annotations

from pathlib import Path


def tokenizer_file(folder: Path) -> Path:
    """Write ``tokenizer.json`` into ``folder``."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())][:256]
    tokenizer = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"
