"""The templates of all pages: one style, one head, everything in the file itself."""

from importlib.resources import files

from penchant.simulation.report import words

__all__ = ["rendered"]


def rendered(name: str, **values: object) -> str:
    """Return a page made of a template of this package.

    Args:
        name: of the template, which extends ``base.html.j2``.
        values: what it is filled with; text is escaped.
    """
    # jinja2 takes a moment to load, and only pages need it.
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files(__package__)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda part: folder.joinpath(part).read_text("utf-8")),
    )
    environment.filters["number"] = words.number
    return environment.get_template(name).render(words=words, **values)
