"""Fences, links and commands of documents."""

import configparser
import functools
import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
OURS = ("tfstyle.", "export.", "serving.")


def fences(text, language):
    return [code for name, code in FENCE.findall(text) if name == language]


def commands(code):
    """The words of each command; `&&`, `|` and new lines end one."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("&|;"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


@functools.cache
def known_flags(module):
    """Names of the flags of a program; None if there is no such module."""
    if importlib.util.find_spec(module) is None:
        return None
    process = subprocess.run(
        [sys.executable, "-m", module, "--helpxml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    tree = xml.etree.ElementTree.fromstring(process.stdout)
    return {flag.findtext("name") for flag in tree.iter("flag")}


def program_problems(words):
    """What is wrong with `[..., "-m", "tfstyle.X", "--flag=value", ...]`."""
    if "-m" not in words:
        return
    module, *arguments = words[words.index("-m") + 1 :]
    if not module.startswith(OURS):
        return
    flags = known_flags(module)
    if flags is None:
        yield f"there is no program {module}"
        return
    for word in arguments:
        name = word.removeprefix("--").split("=")[0]
        known = name in flags or name.removeprefix("no") in flags
        if word.startswith("--") and not known:
            yield f"{module} has no flag --{name}"


def make_problems(words):
    if words[0] != "make":
        return
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]\w*):", makefile, re.MULTILINE)
    for word in words[1:]:
        if "=" not in word and word not in targets:
            yield f"the Makefile has no target {word}"


def extra_problems(words):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    for named in re.findall(r"(?:tfstyle|\.)\[([\w,]+)\]", " ".join(words)):
        for extra in set(named.split(",")) - extras:
            yield f"setup.cfg has no extra {extra}"


def shell_problems(text):
    return [
        f"{problem}: {shlex.join(words)}"
        for code in fences(text, "sh")
        for words in commands(code)
        for check in (program_problems, make_problems, extra_problems)
        for problem in check(words)
    ]
