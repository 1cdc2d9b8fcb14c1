"""Write the table of variables into docs/configuration.md: `make table`."""

import re

from infra.local.environment import ROOT
from project import env

PAGE = ROOT / "docs" / "configuration.md"
MARKED = re.compile(r"(<!-- variables: [^>]*-->\n).*(<!-- end of variables -->)", re.DOTALL)


def main() -> None:
    PAGE.write_text(MARKED.sub(lambda found: f"{found[1]}\n{env.table()}\n{found[2]}", PAGE.read_text()))


if __name__ == "__main__":
    main()
