"""The baseline: what one would write without arithgpt. Problems one at a time in plain Python, and a GPT as in textbooks.

    page(random.Random(0), "add", (1, 8))      "321+7654=5797$"      least significant digit first, as arithgpt writes sums
    model = GPT(Size(n_layer=2, n_head=4, n_embd=32, block_size=32, vocab_size=13))
    loss = train_step(model, make_optimiser(model), *batch(pages, vocabulary, device))

The code is simple and correct. Nothing in it is slow on purpose, and nothing is optimised. The attention is that of "Attention
Is All You Need" (arXiv 1706.03762); the blocks and the learned positions are those of GPT-2.
Shapes: B pages of a batch, T characters, C channels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)
STOP = "$"
IGNORED = -1


def number(rng: random.Random, digits: tuple[int, int]) -> int:
    """Draw a natural number: first the number of its digits, from `digits[0]` to `digits[1]`, then the number itself."""
    n = rng.randint(*digits)
    return rng.randint(10 ** (n - 1) if n > 1 else 0, 10**n - 1)


def problem(rng: random.Random, task: str, digits: tuple[int, int]) -> tuple[str, str]:
    """Draw a question with its answer: ("123+45", "168"), ("7391/52", "142 r 7"); for "expr" with 1 to 3 operators."""
    if task == "expr":
        return expression(rng, rng.randint(1, 3), digits, rng.randint(0, 1))
    a, b = number(rng, digits), number(rng, digits)
    if task == "add":
        return f"{a}+{b}", f"{a + b}"
    if task == "sub":
        return f"{a}-{b}", f"{a - b}"
    if task == "mul":
        return f"{a}*{b}", f"{a * b}"
    b = max(b, 1)
    return f"{a}/{b}", f"{a // b} r {a % b}"


def expression(rng: random.Random, operators: int, digits: tuple[int, int], places: int) -> tuple[str, str]:
    """Draw an expression with a number of operators, and its value rounded to `places` decimals: ("(12+34)*5-6", "224")."""
    while True:
        text, value = _draw_tree(rng, operators, digits)
        if value is not None:
            return text, rounded(value, places)


def _draw_tree(rng: random.Random, operators: int, digits: tuple[int, int]) -> tuple[str, Fraction | None]:
    """Draw a random expression; its value is None where it divides by zero."""
    if operators == 0:
        n = number(rng, digits)
        return str(n), Fraction(n)
    left = rng.randint(0, operators - 1)
    (a, x), (b, y) = _draw_tree(rng, left, digits), _draw_tree(rng, operators - 1 - left, digits)
    a, b = (f"({text})" if not text.isdigit() else text for text in (a, b))
    sign = rng.choice("+-*/")
    if x is None or y is None or (sign == "/" and y == 0):
        return f"{a}{sign}{b}", None
    return f"{a}{sign}{b}", x + y if sign == "+" else x - y if sign == "-" else x * y if sign == "*" else x / y


def rounded(value: Fraction, places: int) -> str:
    """Format a value with `places` decimals, rounded half away from zero: "-0.5"."""
    size = int(abs(value) * 10**places + Fraction(1, 2))
    whole, rest = divmod(size, 10**places)
    return "-" * (value < 0 and size > 0) + str(whole) + (f".{rest:0{places}}" if places else "")


def page(rng: random.Random, task: str, digits: tuple[int, int]) -> str:
    """Draw a problem as a text to learn: sums with the least significant digit first, all others as people write them."""
    question, answer = problem(rng, task, digits)
    if task == "add":
        a, b = question.split("+")
        question, answer = f"{a[::-1]}+{b[::-1]}", answer[::-1]
    return f"{question}={answer}{STOP}"


@dataclass(frozen=True)
class Size:
    """The size of a GPT."""

    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    vocab_size: int


class Attention(nn.Module):
    """Causal self-attention with a mask (T, T) of the characters that come later."""

    mask: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.n_head = size.n_head
        self.qkv = nn.Linear(size.n_embd, 3 * size.n_embd)
        self.out = nn.Linear(size.n_embd, size.n_embd)
        later = torch.ones(size.block_size, size.block_size, dtype=torch.bool).triu(1)
        self.register_buffer("mask", later, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for part in self.qkv(x).split(C, dim=2))
        y = attend(q, k, v, self.mask[:T, :T])  # (B, H, T, C / H)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(D)) v.

    Args:
        q, k, v: float (B, H, T, D)
        mask: bool (T, T), True where a key is hidden from a query

    Returns:
        float (B, H, T, D)
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask, float("-inf")).softmax(dim=-1) @ v


class Block(nn.Module):
    """Attention and an MLP, each after a LayerNorm and with a residual connection."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(size.n_embd), Attention(size)
        self.mlp_norm = nn.LayerNorm(size.n_embd)
        self.mlp = nn.Sequential(nn.Linear(size.n_embd, 4 * size.n_embd), nn.GELU(), nn.Linear(4 * size.n_embd, size.n_embd))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """A GPT: int64 ids (B, T) -> float logits (B, T, vocab_size)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.characters = nn.Embedding(size.vocab_size, size.n_embd)
        self.positions = nn.Embedding(size.block_size, size.n_embd)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.n_layer)))
        self.norm, self.head = nn.LayerNorm(size.n_embd), nn.Linear(size.n_embd, size.vocab_size, bias=False)
        self.apply(_init_weights)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.characters(ids) + self.positions(positions)
        return self.head(self.norm(self.blocks(x)))


def _init_weights(module: nn.Module) -> None:
    """Draw the initial weights, as GPT-2 does."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def seeded(seed: int, make: Callable[[Size], Model], size: Size) -> Model:
    """Make a model with weights drawn from a seed; torch's global random state stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(size)


def make_optimiser(model: nn.Module) -> torch.optim.Optimizer:
    """Make AdamW for all weights."""
    return torch.optim.AdamW(model.parameters(), lr=1e-3)


def batch(pages: Sequence[str], vocabulary: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Make one batch of pages, padded to the longest.

    Args:
        pages: texts of the vocabulary
        vocabulary: every character once
        device: where the tensors lie

    Returns:
        Inputs and targets, int64 (B, T). Targets are IGNORED up to the first `=`, which is the prompt, and in the padding.
    """
    id_of = {character: number for number, character in enumerate(vocabulary)}
    longest = max(map(len, pages))
    inputs, targets = [], []
    for text in pages:
        ids = [id_of[character] for character in text]
        given, padding = text.index("=") + 1, longest - len(ids)
        inputs.append(ids[:-1] + [id_of[STOP]] * padding)
        targets.append([IGNORED] * (given - 1) + ids[given:] + [IGNORED] * padding)
    return torch.tensor(inputs, device=device), torch.tensor(targets, device=device)


def train_step(model: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
    """Train one step; returns the loss before it."""
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.detach()


@torch.no_grad()
def generate(model: GPT, ids: Tensor, n: int) -> Tensor:
    """Generate greedily without a cache: the whole text is read again for each character.

    Args:
        model: the GPT
        ids: int64 (B, T), the prompts
        n: characters to generate

    Returns:
        int64 (B, n), what follows each prompt.
    """
    given = ids.shape[1]
    for _ in range(n):
        logits = model(ids[:, -model.size.block_size :])[:, -1]
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    return ids[:, given:]
