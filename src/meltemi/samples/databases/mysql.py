"""MySQL, or MariaDB, with Bookinfo's ratings in database `test`.

Place:  samples/databases · image examples-bookinfo-mysqldb → [mysql] → mariadbd or mysqld in the place of this process
Env:    MYSQL_ROOT_PASSWORD
Source: Istio, samples/bookinfo/src/mysql/mysqldb-init.sql
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from meltemi.samples.databases import data_folder, program

VOLUME = "/var/lib/mysql"
PACKAGE = "mariadb-server"
CALM = ("--skip-name-resolve", "--skip-log-bin", "--innodb-buffer-pool-size=16M", "--innodb-use-native-aio=0")
"""What a sample needs: names of clients are not looked for, and memory is little."""


def main() -> None:
    """Make the data where there are none, then become the server. Arguments are the server's."""
    server = program("mariadbd", "mysqld", package=PACKAGE)
    data = data_folder(VOLUME)
    if not (data / "mysql").is_dir():
        _make(server, data)
    first = data / "first.sql"
    first.write_text("".join(f"{line}\n" for line in statements(os.environ.get("MYSQL_ROOT_PASSWORD", ""))))
    first.chmod(0o600)
    where = (f"--datadir={data}", f"--socket={data}/server.sock", f"--pid-file={data}/server.pid")
    words = (server, "--no-defaults", "--user=root", *where, f"--init-file={first}", *CALM, *loosened(sys.argv[1:]))
    os.execv(server, words)  # noqa: S606  (the server gets the signals)


def statements(password: str) -> Iterator[str]:
    """What the server does at each start: who may enter, and the ratings, unless they are there."""
    secret = password.replace("\\", "\\\\").replace("'", "''")
    yield f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{secret}';"
    yield "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';"
    yield f"CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '{secret}';"
    yield "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    yield "CREATE DATABASE IF NOT EXISTS test;"
    yield "CREATE TABLE IF NOT EXISTS test.ratings (ReviewID INT NOT NULL, Rating INT, PRIMARY KEY (ReviewID));"
    yield "INSERT IGNORE INTO test.ratings (ReviewID, Rating) VALUES (1, 5), (2, 4);"


def loosened(words: Sequence[str]) -> Iterator[str]:
    """Options of the image's MySQL 5.7 (`--default-authentication-plugin NAME`) that this server may not know."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and "=" not in word and rest and not rest[0].startswith("-"):
            word = f"{word}={rest.pop(0)}"
        yield f"--loose-{word[2:]}" if word.startswith("--") else word


def _make(server: str, data: Path) -> None:
    """System tables, with a root whose password the first start sets."""
    told = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
    if "MariaDB" in told:
        install = program("mariadb-install-db", "mysql_install_db", package=PACKAGE)
        words = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"]
    else:
        words = [server, "--no-defaults", "--initialize-insecure", "--user=root"]
    subprocess.run([*words, f"--datadir={data}"], stdout=sys.stderr, check=True)


if __name__ == "__main__":
    main()
