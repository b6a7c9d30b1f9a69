"""Exceptions that are faults of ours, in words that hold nothing from the wire."""


def described(fault: BaseException) -> str:
    """Its type, and the function and line that it was raised in. Not its text: that may quote the wire, or a key."""
    frames = fault.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    where = f" in {frames.tb_frame.f_code.co_name}:{frames.tb_lineno}" if frames is not None else ""
    return f"{type(fault).__name__}{where}"
