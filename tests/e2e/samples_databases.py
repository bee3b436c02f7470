"""Bookinfo's ratings from a real database: what is applied before each file of the samples, and what it must do then.

Place:  tests/e2e · used by test_samples, samples_table
"""

import json
import sys

from e2e.mesh import Mesh, eventually
from e2e.samples_cases import KUBE, NETWORKING, OLD, OLD_KUBE, Case, Look

VM = """\
apiVersion: v1
kind: Namespace
metadata:
  name: vm
---
apiVersion: v1
kind: Service
metadata: {name: mysqldb, namespace: vm}
spec:
  ports: [{name: tcp, port: 3306}]
  selector: {app: mysqldb}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mysqldb, namespace: vm}
spec:
  selector: {matchLabels: {app: mysqldb}}
  template:
    metadata: {labels: {app: mysqldb}}
    spec:
      containers:
      - name: mysqldb
        image: examples-bookinfo-mysqldb
        ports: [{containerPort: 3306}]
        env: [{name: MYSQL_ROOT_PASSWORD, value: password}]
"""
RULES = f"{NETWORKING}/destination-rule-all.yaml"
RATINGS_ONLY = f"{KUBE}/bookinfo-ratings.yaml"
ROUTING = f"{OLD}/bookinfo/routing"
SET = """
import pymysql
with pymysql.connect(host={host!r}, user="root", password="password", database="test", autocommit=True) as connection:
    connection.cursor().execute("UPDATE ratings SET Rating = 6 - Rating WHERE ReviewID = 1")
"""
SET_MONGO = """
import pymongo
ratings = pymongo.MongoClient("mongodb://mongodb:27017/test").get_default_database()["ratings"]
ratings.update_one({}, [{"$set": {"rating": {"$subtract": [6, "$rating"]}}}])
"""


def stored(program: str) -> Look:
    """Ratings are those of the database: what a program changes there is answered from then on."""

    def look(mesh: Mesh) -> None:
        pod = mesh.pod("client-")

        def first() -> object:
            body = mesh.exec(pod, "curl", "-sf", "http://ratings:9080/ratings/0", status=range(256))
            return json.loads(body)["ratings"]["Reviewer1"] if body else None

        assert eventually(first, 60) == 5
        mesh.exec(pod, sys.executable, "-c", program)
        assert first() == 1

    return look


def mysql(*before: str) -> Case:
    """Ratings of MySQL or MariaDB in a pod."""
    return Case(
        stored(SET.format(host="mysqldb")), before, programs=("mariadbd", "mysqld"),
        note="where MariaDB or MySQL is installed",
    )  # fmt: skip


def mysql_vm(*before: str) -> Case:
    """The same of a machine outside the mesh, for which a pod stands."""
    return Case(
        stored(SET.format(host="mysqldb.vm")), before, VM, programs=("mariadbd", "mysqld"),
        note="where MariaDB or MySQL is installed, in a pod that stands for the machine",
    )  # fmt: skip


def mongo(*before: str) -> Case:
    """Ratings of MongoDB in a pod."""
    return Case(stored(SET_MONGO), before, programs=("mongod",))


# fmt: off
MYSQL: dict[str, Case] = {
    f"{KUBE}/bookinfo-mysql.yaml":
        mysql(RATINGS_ONLY, f"{KUBE}/bookinfo-ratings-v2-mysql.yaml",
              RULES, f"{NETWORKING}/virtual-service-ratings-mysql.yaml"),
    f"{KUBE}/bookinfo-ratings-v2-mysql.yaml":
        mysql(RATINGS_ONLY, f"{KUBE}/bookinfo-mysql.yaml", RULES, f"{NETWORKING}/virtual-service-ratings-mysql.yaml"),
    f"{NETWORKING}/virtual-service-ratings-mysql.yaml":
        mysql(RATINGS_ONLY, f"{KUBE}/bookinfo-mysql.yaml", f"{KUBE}/bookinfo-ratings-v2-mysql.yaml", RULES),
    f"{KUBE}/bookinfo-ratings-v2-mysql-vm.yaml":
        mysql_vm(RATINGS_ONLY, RULES, f"{NETWORKING}/virtual-service-ratings-mysql-vm.yaml"),
    f"{NETWORKING}/virtual-service-ratings-mysql-vm.yaml":
        mysql_vm(RATINGS_ONLY, f"{KUBE}/bookinfo-ratings-v2-mysql-vm.yaml", RULES),
    f"{OLD_KUBE}/bookinfo-mysql.yaml":
        mysql(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-ratings-v2-mysql.yaml",
              RULES, f"{ROUTING}/route-rule-ratings-mysql.yaml"),
    f"{OLD_KUBE}/bookinfo-ratings-v2-mysql.yaml":
        mysql(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-mysql.yaml", RULES, f"{ROUTING}/route-rule-ratings-mysql.yaml"),
    f"{ROUTING}/route-rule-ratings-mysql.yaml":
        mysql(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-mysql.yaml", f"{OLD_KUBE}/bookinfo-ratings-v2-mysql.yaml", RULES),
    f"{OLD_KUBE}/bookinfo-ratings-v2-mysql-vm.yaml":
        mysql_vm(RATINGS_ONLY, RULES, f"{ROUTING}/route-rule-ratings-mysql-vm.yaml"),
    f"{ROUTING}/route-rule-ratings-mysql-vm.yaml":
        mysql_vm(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-ratings-v2-mysql-vm.yaml", RULES),
}
UNSEEN: dict[str, Case] = {
    f"{KUBE}/bookinfo-db.yaml":
        mongo(RATINGS_ONLY, f"{KUBE}/bookinfo-ratings-v2.yaml", RULES, f"{NETWORKING}/virtual-service-ratings-db.yaml"),
    f"{KUBE}/bookinfo-ratings-v2.yaml":
        mongo(RATINGS_ONLY, f"{KUBE}/bookinfo-db.yaml", RULES, f"{NETWORKING}/virtual-service-ratings-db.yaml"),
    f"{NETWORKING}/virtual-service-ratings-db.yaml":
        mongo(RATINGS_ONLY, f"{KUBE}/bookinfo-db.yaml", f"{KUBE}/bookinfo-ratings-v2.yaml", RULES),
    f"{OLD_KUBE}/bookinfo-db.yaml":
        mongo(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-ratings-v2.yaml", RULES, f"{ROUTING}/route-rule-ratings-db.yaml"),
    f"{OLD_KUBE}/bookinfo-ratings-v2.yaml":
        mongo(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-db.yaml", RULES, f"{ROUTING}/route-rule-ratings-db.yaml"),
    f"{ROUTING}/route-rule-ratings-db.yaml":
        mongo(RATINGS_ONLY, f"{OLD_KUBE}/bookinfo-db.yaml", f"{OLD_KUBE}/bookinfo-ratings-v2.yaml", RULES),
}
# fmt: on
"""They wait for `mongod`, and run where it is: no machine of the tests has had one."""
