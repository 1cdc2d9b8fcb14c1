"""Write the configuration table into the README: `make table`."""

import re

from infra.local.environment import ROOT
from project import env

MARKED = re.compile(r"(<!-- configuration: [^>]*-->\n).*(<!-- end of configuration -->)", re.DOTALL)


def main() -> None:
    readme = ROOT / "README.md"
    readme.write_text(MARKED.sub(lambda found: f"{found[1]}\n{env.table()}\n{found[2]}", readme.read_text()))


if __name__ == "__main__":
    main()
