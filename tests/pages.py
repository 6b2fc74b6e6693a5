"""What tests of pages need: a browser, and what npm fetches."""

import pytest

from deploy.web import browser, build


def need(*packages):
    """Skip where there's no Chromium, or where a page's packages can't be fetched."""
    try:
        browser.program()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    try:
        for fetch in packages:
            fetch()
    except build.WebError as error:
        pytest.skip(str(error))
