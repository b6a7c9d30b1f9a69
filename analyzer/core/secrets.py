"""Key material that cannot be shown by accident."""

import hashlib
import hmac
import secrets as _random

_SALT = _random.token_bytes(16)  # new in each process: a fingerprint never leaves it as a lasting hash of a key


class Secret:
    """Bytes of a key. `repr` and `str` show a fingerprint that is good only inside this process."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves, for a cipher."""
        return self._value

    def digest(self, number: int = 0) -> bytes:
        """What stands for the bytes, and a number with them, in a table: 16 bytes that mean nothing elsewhere."""
        salt = _SALT + number.to_bytes(8, "big")
        return hashlib.blake2b(self._value, digest_size=16, key=salt).digest()

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({len(self._value)} bytes, {hmac.new(_SALT, self._value, hashlib.sha256).hexdigest()[:8]})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")
