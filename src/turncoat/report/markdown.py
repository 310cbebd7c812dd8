"""Docstrings, which are Markdown, as parts of a page."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markupsafe import Markup

from turncoat.report.words import truncated


def prose(text: str) -> Markup:
    """Markdown as HTML, without raw HTML, images or its leading title; headings go one level down."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(without_title(text))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def summary(text: str) -> str:
    """The first paragraph as plain words."""
    reader = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = reader.parse(without_title(text))
    inline = next((t for t, before in zip(tokens[1:], tokens, strict=False) if before.type == "paragraph_open"), None)
    words = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in (inline and inline.children) or ()
    )
    return truncated(words, 320)


def without_title(text: str) -> str:
    return re.sub(r"\A\s*# [^\n]*\n?", "", text)


def link(ref: str) -> str:
    """Where a reference leads; '' where it does not say."""
    if found := re.fullmatch(r"arxiv:([\w.\-/]+)", ref, re.I):
        return f"https://arxiv.org/abs/{found[1]}"
    if found := re.fullmatch(r"doi:(10\.\S+)", ref, re.I):
        return f"https://doi.org/{found[1]}"
    return ref if re.match(r"https?://", ref) else ""
