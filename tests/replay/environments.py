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
# Exact, clients of providers too: without, pip looks for a quarter of an hour and more for versions that go together.
LANGCHAIN: Final = (
    "anthropic==2.12.0",
    "boto3==1.44.5",
    "cohere==5.21.1",
    "google-genai==2.34.0",
    "groq==0.37.1",
    "langchain-anthropic==1.7.7",
    "langchain-aws==1.9.1",
    "langchain-cohere==0.6.0",
    "langchain-core==1.7.2",
    "langchain-deepseek==1.1.1",
    "langchain-google-genai==4.4.2",
    "langchain-groq==1.1.3",
    "langchain-mistralai==1.1.6",
    "langchain-ollama==1.1.0",
    "langchain-openai==1.7.3",
    "langchain-openrouter==0.2.9",
    "langchain-perplexity==1.4.2",
    "langchain-together==0.4.0",
    "langchain-xai==1.3.0",
    "ollama==0.6.3",
    "openai==3.54.0",
    "openrouter==0.11.46",
    "perplexityai==0.46.1",
)
LLAMA_INDEX_0_14: Final = (
    "anthropic[bedrock,vertex]==0.125.0",
    "boto3==1.44.5",
    "cohere==5.21.1",
    "google-genai==2.34.0",
    "langchain-core==1.7.2",
    "langchain-text-splitters==1.1.3",
    "llama-index-core==0.14.25",
    "llama-index-embeddings-azure-openai==0.6.1",
    "llama-index-embeddings-cohere==0.9.0",
    "llama-index-embeddings-mistralai==0.6.0",
    "llama-index-embeddings-ollama==0.10.0",
    "llama-index-embeddings-openai==0.6.0",
    "llama-index-embeddings-voyageai==0.7.0",
    "llama-index-llms-anthropic==0.12.3",
    "llama-index-llms-azure-openai==0.5.0",
    "llama-index-llms-bedrock-converse==0.15.5",
    "llama-index-llms-cohere==0.9.0",
    "llama-index-llms-deepseek==0.4.0",
    "llama-index-llms-google-genai==0.11.3",
    "llama-index-llms-groq==0.6.0",
    "llama-index-llms-mistralai==0.11.0",
    "llama-index-llms-ollama==0.11.0",
    "llama-index-llms-openai==0.6.26",
    "llama-index-llms-openai-like==0.5.3",
    "llama-index-llms-openrouter==0.5.0",
    "llama-index-llms-perplexity==0.5.0",
    "llama-index-llms-together==0.6.0",
    "llama-index-postprocessor-cohere-rerank==0.10.0",
    "mistralai==3.7.0",
    "ollama==0.6.3",
    "openai==2.54.0",
    "voyageai==0.3.7",
)
LLAMA_INDEX_0_12: Final = (
    "aioboto3==15.5.0",
    "anthropic[bedrock,vertex]==0.125.0",
    "boto3==1.40.61",
    "cohere==5.21.1",
    "google-genai==1.75.0",
    "langchain-core==1.7.2",
    "langchain-text-splitters==1.1.3",
    "llama-index-core==0.12.52.post1",
    "llama-index-embeddings-azure-openai==0.3.9",
    "llama-index-embeddings-cohere==0.5.1",
    "llama-index-embeddings-mistralai==0.3.0",
    "llama-index-embeddings-ollama==0.6.0",
    "llama-index-embeddings-openai==0.3.1",
    "llama-index-embeddings-voyageai==0.3.6",
    "llama-index-llms-anthropic==0.6.19",
    "llama-index-llms-azure-openai==0.3.4",
    "llama-index-llms-bedrock==0.3.8",
    "llama-index-llms-bedrock-converse==0.7.6",
    "llama-index-llms-cohere==0.5.0",
    "llama-index-llms-deepseek==0.2.0",
    "llama-index-llms-google-genai==0.2.6",
    "llama-index-llms-groq==0.3.2",
    "llama-index-llms-mistralai==0.6.1",
    "llama-index-llms-ollama==0.6.2",
    "llama-index-llms-openai==0.4.7",
    "llama-index-llms-openai-like==0.4.0",
    "llama-index-llms-openrouter==0.3.2",
    "llama-index-llms-perplexity==0.3.7",
    "llama-index-llms-together==0.3.2",
    "llama-index-postprocessor-cohere-rerank==0.4.0",
    "mistralai==1.12.4",
    "ollama==0.6.3",
    "openai==1.109.1",
    "voyageai==0.3.7",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What pip installs together, and the tests it is for."""

    tests: str
    requirements: tuple[str, ...]


ENVIRONMENTS: Final[Mapping[str, Environment]] = {
    "langchain-1.7": Environment("langchain", LANGCHAIN),
    "llama-index-0.14": Environment("llama_index", LLAMA_INDEX_0_14),
    "llama-index-0.12": Environment("llama_index", LLAMA_INDEX_0_12),
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
