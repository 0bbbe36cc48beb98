"""Checks of what the side-by-side page's notes say of a framework, by the notes' keys."""

from collections.abc import Callable

Check = Callable[[], None]


class Checks(dict[str, Check]):
    """By note, as `train.py train_step: loss.backward()`, what fails once it is untrue."""

    def of(self, *notes: str) -> Callable[[Check], Check]:
        """Register the function beneath as the check of these notes."""

        def register(check: Check) -> Check:
            for note in notes:
                assert note not in self, f"checked twice: {note}"
                self[note] = check
            return check

        return register

    def failures(self) -> dict[str, str]:
        """What each check that fails says, by note."""
        outcomes: dict[Check, str] = {}
        for check in dict.fromkeys(self.values()):
            try:
                check()
            # Whatever goes wrong, that note has to be looked at; the others go on.
            except Exception as error:  # noqa: BLE001
                outcomes[check] = f"{check.__name__}: {type(error).__name__}: {error}"
        return {note: outcomes[check] for note, check in self.items() if check in outcomes}


def raises(kind: type[Exception], action: Callable[[], object], *words: str) -> None:
    """Assert that the action raises such an error, with these words in its message."""
    try:
        action()
    except kind as error:
        assert all(word in str(error) for word in words), str(error)
        return
    raise AssertionError(f"no {kind.__name__}")
