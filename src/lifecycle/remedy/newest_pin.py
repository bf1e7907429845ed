"""Print the day on which the newest of some releases was published, such as 2021-05-11.

Each argument is a requirement such as flask==2.0.1. Releases that the index does not know, or whose
day it does not tell, count for nothing; the output is empty where that leaves none.
"""

import concurrent.futures
import json
import os
import re
import sys
import urllib.request

VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
INDEX = next(
    (os.environ[name] for name in VARIABLES if os.environ.get(name)),
    "https://pypi.org/simple",
).rstrip("/")
SECONDS = 20


def plain(version):
    """1.0 and 1.0.0 are one release."""
    return re.sub(r"(\.0)+$", "", version.lower())


def version_of(filename):
    if filename.endswith(".whl"):
        return filename.split("-")[1]
    stem = re.sub(r"\.(tar\.gz|tgz|tar\.bz2|zip|egg)$", "", filename)
    return stem.rpartition("-")[2]


def day_of(requirement):
    name, _, version = requirement.partition("==")
    name = re.sub(r"[-_.]+", "-", name.split("[")[0].strip()).lower()
    version = plain(re.split(r"[;\s]", version.strip())[0])
    request = urllib.request.Request(
        f"{INDEX}/{name}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            files = json.load(answer)["files"]
    except (OSError, ValueError, KeyError):
        return ""
    days = (
        file.get("upload-time", "")[:10]
        for file in files
        if plain(version_of(file["filename"])) == version
    )
    # A release gets wheels for a newer Python years later.
    return min((day for day in days if day), default="")


with concurrent.futures.ThreadPoolExecutor(4) as several:
    print(max(several.map(day_of, sys.argv[1:]), default=""))
