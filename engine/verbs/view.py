"""`fld view`: where the viewer of `engine/api/view.py` is to be opened, then it answers."""

import socket

from engine.api.view import HOST, open_viewer
from engine.console.terminal import err, out


def view(corpus: str, number: int | None, port: int) -> None:
    """Serve the viewer until it is interrupted. port: 0 takes a free one."""
    viewer = open_viewer(corpus, round=number, port=port, tell=err.print)
    out.print("\n".join(addresses(viewer.address, viewer.port)), soft_wrap=True)
    viewer.serve()


def addresses(address: str, port: int) -> list[str]:
    """What to open, and how from another machine."""
    return [
        f"Open  {address}",
        f"From another machine, first:  ssh -N -L {port}:{HOST}:{port} {socket.gethostname()}",
        "The address has a secret in it: who has it can look. Ctrl-C ends the viewer.",
    ]
