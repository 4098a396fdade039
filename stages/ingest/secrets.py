"""What of a URL may be written down. Passwords and signatures let anybody read what they open, and a corpus is shared.

    public("https://ann:pw@a.org/x.jpg?size=9&token=abc#top")                   "https://a.org/x.jpg"
    public("https://ann:pw@a.org/x.jpg?size=9&token=abc", frozenset({"size"}))  "https://a.org/x.jpg?size=9"

No list of secret names would be complete, so nothing of the query stays unless `ingest.fetch.keep_query` names it. The
whole URL lives in memory only, while its list is ingested.
"""

from collections.abc import Set


def public(location: str, keep_query: Set[str] = frozenset(), whole: str = "") -> str:
    """The URL without user, password, fragment and the parameters that are not in `keep_query`; a path as it is, unless
    it is how the list at a URL wrote the end of `whole`, which is one."""
    scheme, separator, rest = location.partition("://")
    if not separator and "?" in location and "://" in whole and whole.endswith(location.lstrip("/")):
        return public(f"x://x/{location}", keep_query).removeprefix("x://x/")
    if not separator:
        return location
    place, _, query = rest.partition("#")[0].partition("?")
    host, slash, path = place.partition("/")
    kept = "&".join(part for part in query.split("&") if part.partition("=")[0] in keep_query)
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{'?' if kept else ''}{kept}"
