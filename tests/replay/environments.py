"""Replays recorded answers through every client package, in environments of their own.

    python tests/replay/environments.py [ENVIRONMENT ...]

ENVIRONMENT is a key of `ENVIRONMENTS`; all of them if none is given. They stay in `.venv-compat`, some 600 MB each.
Folders of cassettes named in SPANMETER_RECORDINGS, separated as in PATH, are replayed beside `tests/replay/exchanges`.
Exits with 1 if an answer is counted otherwise than its provider counted it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent.relative_to(ROOT)
HOMES: Final = ROOT / ".venv-compat"
TOOLS: Final = ("pytest", "pytest-asyncio", "pyyaml")
# anthropic 2 has types that LlamaIndex's package cannot take.
LLAMA_INDEX: Final = (
    "anthropic<1",
    "llama-index-embeddings-azure-openai",
    "llama-index-embeddings-cohere",
    "llama-index-embeddings-mistralai",
    "llama-index-embeddings-ollama",
    "llama-index-embeddings-openai",
    "llama-index-embeddings-voyageai",
    "llama-index-llms-anthropic",
    "llama-index-llms-azure-openai",
    "llama-index-llms-bedrock-converse",
    "llama-index-llms-cohere",
    "llama-index-llms-deepseek",
    "llama-index-llms-google-genai",
    "llama-index-llms-groq",
    "llama-index-llms-mistralai",
    "llama-index-llms-ollama",
    "llama-index-llms-openai",
    "llama-index-llms-openai-like",
    "llama-index-llms-openrouter",
    "llama-index-llms-perplexity",
    "llama-index-llms-together",
    "llama-index-postprocessor-cohere-rerank",
)
LANGCHAIN: Final = (
    "langchain-anthropic",
    "langchain-aws",
    "langchain-cohere",
    "langchain-deepseek",
    "langchain-google-genai",
    "langchain-groq",
    "langchain-mistralai",
    "langchain-ollama",
    "langchain-openai",
    "langchain-openrouter",
    "langchain-perplexity",
    "langchain-together",
    "langchain-xai",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What pip installs together, and the tests it is for."""

    tests: str
    requirements: tuple[str, ...]


ENVIRONMENTS: Final[Mapping[str, Environment]] = {
    "langchain-1.7": Environment("langchain", ("langchain-core==1.7.2", *LANGCHAIN)),
    "llama-index-0.14": Environment("llama_index", ("llama-index-core==0.14.25", *LLAMA_INDEX)),
    "llama-index-0.12": Environment(
        "llama_index", ("llama-index-core==0.12.52.post1", "llama-index-llms-bedrock", "mistralai<2", *LLAMA_INDEX)
    ),
}


def main() -> int:
    """Replay, and say by the exit code whether everything is counted right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT")
    asked = parser.parse_args().environments or list(ENVIRONMENTS)
    if unknown := set(asked) - set(ENVIRONMENTS):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(ENVIRONMENTS)}")
    return max([_replay(name, ENVIRONMENTS[name]) for name in asked])


def _replay(name: str, environment: Environment) -> int:
    python = _python(HOMES / f"replay-{name}", environment.requirements)
    sys.stdout.write(f"{name}: replaying\n")
    sys.stdout.flush()
    # Warnings of packages that nobody mends any more are none of ours.
    options = ["--quiet", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "--disable-warnings"]
    tests = (python, "-m", "pytest", HERE / environment.tests)
    return int(subprocess.run([*tests, *options], cwd=ROOT, env=_offline(), check=False).returncode != 0)


def _offline() -> dict[str, str]:
    """Packages that would fetch a tokenizer are told at once that there is no network."""
    return os.environ | {"HF_HUB_OFFLINE": "1"}


def _python(home: Path, requirements: tuple[str, ...]) -> Path:
    """Return an environment's Python, made and filled if what it should hold has changed."""
    python, made_of = home / "bin" / "python", home / "made-of"
    wanted = hashlib.sha256(repr(requirements).encode() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not made_of.exists() or made_of.read_text(encoding="ascii") != wanted:
        sys.stdout.write(f"{home.name}: installing\n")
        venv.create(home, with_pip=True, symlinks=True)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ".")
        subprocess.run([*install, *TOOLS, *requirements], cwd=ROOT, check=True)
        made_of.write_text(wanted, encoding="ascii")
    return python


if __name__ == "__main__":
    sys.exit(main())
