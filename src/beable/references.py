"""References of the literature, as BibTeX and as a line."""

from typing import NamedTuple

#: fields in the order that they are printed in
FIELDS = ("author", "title", "journal", "booktitle", "institution", "volume", "pages", "year", "version", "note", "doi")
#: what a BibTeX field may not hold as it is
ESCAPED = str.maketrans({"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#"})


class Reference(NamedTuple):
    """Something to cite.

    Args:
        key: under which a document cites it.
        kind: "article", "inproceedings", "misc", "software" or another type of BibTeX.
        author: "Family, Given" each, with " and " between them.
        title: of it, without a full stop.
        year: when it appeared; "" for none.
        journal: of an article.
        booktitle: conference or book.
        volume, pages: where in it.
        note: anything else.
        version: of software.
    """

    key: str
    kind: str
    author: str
    title: str
    year: str = ""
    journal: str = ""
    booktitle: str = ""
    volume: str = ""
    pages: str = ""
    note: str = ""
    version: str = ""

    def bibtex(self) -> str:
        """The entry of a .bib file.

        >>> print(Reference("noether1918", "article", "Noether, E.", "Invariante Variationsprobleme", "1918").bibtex())
        @article{noether1918,
          author = {Noether, E.},
          title = {{Invariante Variationsprobleme}},
          year = {1918},
        }
        """
        lines = [f"  {name} = {{{_value(name, text)}}}," for name in FIELDS if (text := getattr(self, name, ""))]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    def line(self) -> str:
        """The reference as one line of text.

        >>> Reference("noether1918", "article", "Noether, E.", "Invariante Variationsprobleme", "1918").line()
        'Noether, E.: Invariante Variationsprobleme (1918)'
        """
        place = " ".join(filter(None, (self.journal or self.booktitle, self.volume)))
        pages = f", {self.pages}" if self.pages else ""
        year = f" ({self.year})" if self.year else ""
        author = self.author.replace("{", "").replace("}", "").replace(" and ", "; ")
        return f"{author}: {self.title}{f', {place}{pages}' if place else ''}{year}"


def _value(name: str, text: str) -> str:
    escaped = text.translate(ESCAPED)
    return f"{{{escaped}}}" if name == "title" else escaped  # twice: BibTeX keeps the letters as they are
