"""The API over HTTP, as docs/API.md promises it: who may what, what a browser
may not, limits, and what a crash of the coordinator leaves whole."""

import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import warnings

sys.path.insert(0, os.path.dirname(__file__))
from cluster import REMUDA, Cluster, job_text, metric, wait_until
from openapi import Description

YAML = {"Content-Type": "application/yaml"}
ROLES = ["submitter", "viewer", "operator"]


class Api:
    """One client: a base address, a token, and what it was answered."""

    def __init__(self, url, token=None, context=None):
        self.url = urllib.parse.urlsplit(url)
        self.token = token
        self.context = context
        self.description = None

    def connection(self, timeout=60):
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(
                self.url.netloc, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.url.netloc, timeout=timeout)

    def ask(self, method, target, body=None, headers=()):
        """(status, headers, value or bytes), checked against openapi.json."""
        connection = self.connection()
        send = dict(headers)
        if self.token:
            send["Authorization"] = f"Bearer {self.token}"
        connection.request(method, target, body, send)
        reply = connection.getresponse()
        data = reply.read()
        kind = reply.getheader("Content-Type") or ""
        connection.close()
        value = data
        if "json" in kind and method != "HEAD":
            value = json.loads(data)
            if self.description and self.description.has(method, target):
                self.description.check(method, target, reply.status, kind,
                                       value)
        return reply.status, reply.headers, value

    def get(self, target):
        status, _, value = self.ask("GET", target)
        assert status == 200, (target, status, value)
        return value

    def submit(self, text, key=None):
        headers = dict(YAML)
        if key:
            headers["Idempotency-Key"] = key
        status, _, value = self.ask("POST", "/v1/jobs", text, headers)
        assert status in (200, 202), (status, value)
        return value

    def events(self, *jobs, timeout=60):
        """Yields (event, data) until the stream ends or breaks."""
        connection = self.connection(timeout)
        send = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connection.request("GET", "/v1/events?jobs=" + ",".join(jobs),
                           headers=send)
        reply = connection.getresponse()
        assert reply.status == 200, (reply.status, reply.read())
        kind = None
        try:
            while line := reply.readline().decode():
                if line.startswith("event: "):
                    kind = line[7:].strip()
                elif line.startswith("data: "):
                    yield kind, json.loads(line[6:])
        except (http.client.HTTPException, OSError):
            yield "broken", None
        finally:
            connection.close()

    def wait(self, job):
        last = None
        for kind, data in self.events(job):
            if kind == "job":
                last = data
        return last


def noop(count, name="n"):
    return job_text(name, "noop", [f"tasks: {{range: {{from: 1, to: {count}}}}}"])


def sleep(seconds, count=1, name="s"):
    return job_text(name, "sleep", [
        f"tasks: {{range: {{from: 1, to: {count}}}}}",
        f"with: {{seconds: {seconds}}}"])


def make_token(folder, name, role, code=0):
    done = subprocess.run([REMUDA, "token", str(folder), "--name", name,
                           "--role", role], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout.strip()


class ApiTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(durability="relaxed")
        self.cluster.__enter__()

    def tearDown(self):
        failed = self._outcome.errors if hasattr(self._outcome, "errors") else []
        bad = any(error for _, error in failed) or not getattr(
            self._outcome, "success", True)
        self.cluster.__exit__(Exception if bad else None, None, None)

    def start(self, *args, agent=True, tokens=False):
        """Serves; gives one Api, or with tokens one a role."""
        if tokens:
            folder = self.cluster.folder / "tokens"
            self.tokens = {role: make_token(folder, role[:3], role)
                           for role in ROLES}
            args = ("--api-tokens", folder, *args)
        self.coordinator = self.cluster.coordinator(
            "--api", "127.0.0.1:0", *map(str, args))
        self.url = self.coordinator.said["api"]
        if agent:
            self.cluster.agent()
        apis = {role: Api(self.url, token)
                for role, token in (self.tokens if tokens else {}).items()}
        apis["none"] = Api(self.url)
        description = Description(apis["none"].get("/openapi.json"))
        for api in apis.values():
            api.description = description
        return apis if tokens else apis["none"]


class NewcomerTest(ApiTest):
    def curl(self, *args):
        done = subprocess.run(["curl", "-sS", "--max-time", "120", *map(str, args)],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_submit_watch_read(self):
        self.start()
        folder = self.cluster.folder
        spec = self.cluster.spec("hello", job_text("hello", "command", [
            "tasks: {lines: names.txt}",
            'with: {argv: [echo, "hello {{item}}"]}']))
        (folder / "names.txt").write_text("ada\ngrace\n\nlinus\n")
        said = json.loads(self.curl("-F", f"spec=@{spec}", "-F",
                                    f"names.txt=@{folder}/names.txt",
                                    f"{self.url}/v1/jobs"))
        self.assertFalse(said["existed"])
        job = said["jobs"][0]["id"]
        events = self.curl("-N", f"{self.url}/v1/events?jobs={job}")
        self.assertIn("event: job\ndata: {", events)
        self.assertIn('event: end\ndata: {"jobs":[{"id":"%s","state":"succeeded"}]}'
                      % job, events)
        page = json.loads(self.curl(f"{self.url}/v1/jobs/{job}/results"))
        self.assertIsNone(page["next"])
        self.assertEqual([task["item"] for task in page["tasks"]],
                         ["ada", "grace", "linus"])
        self.assertEqual(self.cluster.results(job), page["tasks"])
        self.assertEqual(
            self.curl(f"{self.url}/v1/jobs/{job}/tasks/1/logs"),
            "hello grace\n")
        self.assertEqual(
            self.cluster.job(job),
            json.loads(self.curl(f"{self.url}/v1/jobs/{job}")))

    def test_plain_yaml_errors_and_cancel(self):
        api = self.start()
        status, headers, said = api.ask("POST", "/v1/jobs", sleep(600), YAML)
        self.assertEqual(status, 202)
        job = said["jobs"][0]["id"]
        self.assertEqual(headers["Location"], f"/v1/jobs/{job}")
        status, _, said = api.ask("POST", f"/v1/jobs/{job}/cancel?reason=enough")
        self.assertEqual((status, said["result"]), (200, "cancelled"))
        end = api.wait(job)
        self.assertEqual((end["state"], end["reason"]), ("cancelled", "enough"))
        status, _, said = api.ask("POST", f"/v1/jobs/{job}/cancel")
        self.assertEqual((status, said["result"]), (200, "too_late"))

        status, _, problem = api.ask(
            "POST", "/v1/jobs", noop(3) + "  concurency: 3\n", YAML)
        self.assertEqual(status, 400)
        self.assertEqual((problem["errors"][0]["line"],
                          problem["errors"][0]["column"]), (7, 3))
        self.assertIn("concurrency", problem["errors"][0]["message"])
        for text, word in [
                (job_text("g", "noop", ["tasks: {glob: '/etc/*'}"]), "glob"),
                (job_text("l", "noop", ["tasks: {lines: /etc/passwd}"]),
                 "was not sent"),
                ("a: &x [*x]", "not allowed"),
                ("\x00", ""), ("", "")]:
            status, _, problem = api.ask("POST", "/v1/jobs", text, YAML)
            self.assertEqual(status, 400, text)
            self.assertIn(word, json.dumps(problem))
        self.assertEqual(len(api.get("/v1/jobs")["jobs"]), 1)
        for target in ["/v1/jobs/99", "/v1/jobs/99/tasks", "/v1/jobs/99/results",
                       "/v1/jobs/99/tasks/0/logs", "/v1/events?jobs=99",
                       f"/v1/jobs/{job}/tasks/7/logs", "/v1/nothing"]:
            self.assertEqual(api.ask("GET", target)[0], 404, target)
        self.assertEqual(api.ask("POST", "/v1/jobs/99/cancel")[0], 404)
        self.assertEqual(api.ask("GET", "/v1/jobs?limit=x")[0], 400)

    def test_a_python_function_is_not_looked_into(self):
        """No client has looked at its source; the spec says what it is."""
        api = self.start()
        folder = self.cluster.folder
        (folder / "functions.py").write_text(
            "async def waits(n): return n\ndef plain(n): return n\n")

        def run(function, *lines):
            spec = job_text("python", "python", [
                f'with: {{function: "functions:{function}", args: [1], '
                f'path: ["{folder}"]}}', *lines])
            status, _, said = api.ask("POST", "/v1/jobs", spec, YAML)
            self.assertEqual(status, 202, said)
            job = api.wait(said["jobs"][0]["id"])
            (row,) = self.cluster.results(job["id"])
            return job, row

        job, row = run("waits")
        self.assertEqual((job["executor"], row["output"]), ("process-pool", 1))
        self.assertIn("say executor: async", job["executor_reason"])
        job, row = run("waits", "executor: async")
        self.assertEqual((job["executor"], row["output"]), ("async", 1))
        self.assertEqual(job["executor_reason"], "the spec asks for it")
        job, row = run("plain", "executor: async")
        self.assertEqual(job["state"], "failed")
        self.assertIn("executor: async needs an async def", row["error"])

    def test_pages_and_failures(self):
        api = self.start()
        job = api.submit(noop(5000))["jobs"][0]["id"]
        self.assertEqual(api.wait(job)["state"], "succeeded")
        seen, first = [], 0
        while first is not None:
            page = api.get(f"/v1/jobs/{job}/tasks?first={first}&limit=999")
            seen += [task["index"] for task in page["tasks"]]
            first = page["next"]
        self.assertEqual(seen, list(range(5000)))
        job = api.submit(job_text("f", "command", [
            "tasks: {range: {from: 0, to: 3}}",
            'with: {argv: [sh, -c, "exit $(( {{item}} % 2 ))"]}']))
        job = job["jobs"][0]["id"]
        self.assertEqual(api.wait(job)["state"], "failed")
        page = api.get(f"/v1/jobs/{job}/results?failed=true")
        self.assertEqual([task["index"] for task in page["tasks"]], [1, 3])

    def test_long_logs_come_in_pieces(self):
        api = self.start()
        job = api.submit(job_text("l", "command", [
            'with: {argv: [sh, -c, "seq 1 300000; seq 1 9 >&2"]}']))
        job = job["jobs"][0]["id"]
        api.wait(job)
        text, offset = b"", 0
        while offset is not None:
            status, headers, piece = api.ask(
                "GET", f"/v1/jobs/{job}/tasks/0/logs?offset={offset}")
            self.assertEqual(status, 200)
            self.assertEqual(headers["Content-Type"],
                             "text/plain; charset=utf-8")
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertLessEqual(len(piece), 1 << 20)
            text += piece
            offset = headers["Remuda-Next-Offset"]
        self.assertEqual(
            text, b"".join(b"%d\n" % i for i in range(1, 300001)))
        _, _, piece = api.ask(
            "GET", f"/v1/jobs/{job}/tasks/0/logs?stream=stderr&offset=4")
        self.assertEqual(piece, b"3\n4\n5\n6\n7\n8\n9\n")


class RolesTest(ApiTest):
    def test_every_route_role_and_method(self):
        apis = self.start(agent=False, tokens=True)
        jobs = {role: apis[role].submit(sleep(600))["jobs"][0]["id"]
                for role in ("submitter", "operator")}
        before = apis["operator"].get("/v1/jobs")
        methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
        paths = {}
        for method, path, operation in apis["none"].description.operations():
            paths.setdefault(path, {})[method] = operation["x-roles"]
        for path, allowed in paths.items():
            target = path.replace("{id}", jobs["submitter"]).replace("{n}", "0")
            if path == "/v1/events":
                target += "?jobs=" + jobs["submitter"]
            for role in ["none", *ROLES]:
                for method in methods:
                    open_to = allowed.get(
                        "GET" if method == "HEAD" else method)
                    if open_to and role in open_to and method != "HEAD":
                        continue  # used by the other tests
                    with self.subTest(path=path, role=role, method=method):
                        status, headers, _ = apis[role].ask(method, target)
                        if open_to is None:
                            self.assertEqual(status, 405)
                            self.assertIn(next(iter(allowed)),
                                          headers["Allow"])
                        elif path == "/openapi.json" or role in open_to:
                            self.assertEqual(status, 200)
                        elif role == "none":
                            self.assertEqual(status, 401)
                            self.assertIn("Bearer",
                                          headers["WWW-Authenticate"])
                        else:
                            self.assertEqual(status, 403)
        after = apis["operator"].get("/v1/jobs")
        for job in before["jobs"] + after["jobs"]:
            del job["duration_seconds"]
        self.assertEqual(before, after)
        text = self.coordinator.metrics()
        self.assertEqual(metric(text, "remuda_auth_denied_total",
                                role="viewer", type="submit"), 1)
        self.assertEqual(metric(text, "remuda_auth_denied_total",
                                role="viewer", type="cancel_job"), 1)
        self.assertGreater(metric(text, "remuda_api_requests_total",
                                  route="list_agents", code="4xx"), 0)

    def test_a_submitter_has_its_own_jobs(self):
        apis = self.start(agent=False, tokens=True)
        bob = Api(self.url, make_token(self.cluster.folder / "tokens", "bob",
                                       "submitter"))
        self.coordinator.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bob.ask("GET", "/v1/info")[0] == 200,
                   "the new token counts")
        self.assertEqual(bob.get("/v1/info")["name"], "bob")
        mine = apis["submitter"].submit(noop(1), "same key")["jobs"][0]
        his = bob.submit(noop(2), "same key")["jobs"][0]
        self.assertEqual((mine["owner"], his["owner"]), ("sub", "bob"))
        self.assertNotEqual(mine["id"], his["id"])
        for method, target in [("GET", ""), ("GET", "/tasks"),
                               ("GET", "/results"), ("GET", "/tasks/0/logs"),
                               ("POST", "/cancel")]:
            status, _, _ = bob.ask(method, f"/v1/jobs/{mine['id']}{target}")
            self.assertEqual(status, 404, target)
        self.assertEqual(
            bob.ask("GET", f"/v1/events?jobs={mine['id']}")[0], 404)
        self.assertEqual([job["id"] for job in bob.get("/v1/jobs")["jobs"]],
                         [his["id"]])
        self.assertEqual(len(apis["viewer"].get("/v1/jobs")["jobs"]), 2)
        self.assertEqual(apis["operator"].get(f"/v1/jobs/{mine['id']}")["state"],
                         "queued")

    def test_a_token_taken_away(self):
        apis = self.start(agent=False, tokens=True)
        job = apis["submitter"].submit(sleep(600))["jobs"][0]["id"]
        heard = []
        watcher = threading.Thread(target=lambda: heard.extend(
            apis["viewer"].events(job)))
        watcher.start()
        wait_until(lambda: metric(self.coordinator.metrics(),
                                  "remuda_api_streams") == 1, "a stream")
        (self.cluster.folder / "tokens" / "vie.json").unlink()
        self.coordinator.process.send_signal(signal.SIGHUP)
        watcher.join(60)
        self.assertFalse(watcher.is_alive())
        self.assertEqual(heard[0][0], "job")
        self.assertNotIn("end", [kind for kind, _ in heard])
        self.assertEqual(apis["viewer"].ask("GET", "/v1/jobs")[0], 401)
        self.assertEqual(apis["operator"].ask("GET", "/v1/jobs")[0], 200)
        self.assertEqual(
            metric(self.coordinator.metrics(), "remuda_api_streams"), 0)


class BrowserTest(ApiTest):
    def test_pages_and_names(self):
        api = self.start("--api-origin", "https://board.example", agent=False)
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]:
            for target in ["/v1/jobs", "/v1/info", "/openapi.json", "/x"]:
                status, headers, _ = api.ask(
                    method, target, headers={"Origin": "https://evil.example"})
                self.assertEqual(status, 403, (method, target))
                self.assertIsNone(headers["Access-Control-Allow-Origin"])
        status, headers, _ = api.ask(
            "GET", "/v1/info", headers={"Origin": "https://board.example"})
        self.assertEqual(status, 200)
        self.assertEqual(headers["Access-Control-Allow-Origin"],
                         "https://board.example")
        status, headers, _ = api.ask(
            "OPTIONS", "/v1/jobs",
            headers={"Origin": "https://board.example",
                     "Access-Control-Request-Method": "POST"})
        self.assertEqual(status, 204)
        self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
        for host in ["evil.example", "evil.example:80"]:
            status, _, _ = api.ask("GET", "/v1/jobs", headers={"Host": host})
            self.assertEqual(status, 421)
        # What a form of a page can send without asking first.
        for kind in ["text/plain", "application/x-www-form-urlencoded"]:
            status, _, _ = api.ask("POST", "/v1/jobs", noop(1),
                                   {"Content-Type": kind})
            self.assertEqual(status, 415)
        self.assertEqual(api.get("/v1/jobs")["jobs"], [])


class TlsTest(ApiTest):
    def certificate(self, name="api"):
        folder = self.cluster.folder
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
            check=True, capture_output=True)
        return folder / f"{name}.pem", folder / f"{name}.key"

    def test_https(self):
        cert, key = self.certificate()
        self.coordinator = self.cluster.coordinator(
            "--api", "127.0.0.1:0", "--api-cert", str(cert), "--api-cert-key",
            str(key))
        self.cluster.agent()
        url = self.coordinator.said["api"]
        self.assertTrue(url.startswith("https://127.0.0.1:"))
        api = Api(url, context=ssl.create_default_context(cafile=cert))
        job = api.submit(noop(2000))["jobs"][0]["id"]
        self.assertEqual(api.wait(job)["state"], "succeeded")
        self.assertEqual(len(api.get(f"/v1/jobs/{job}/results")["tasks"]), 1000)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            Api(url, context=old).get("/v1/info")
        with self.assertRaises((OSError, http.client.HTTPException)):
            Api(url.replace("https", "http")).get("/v1/info")
        self.assertEqual(api.get("/v1/info")["role"], "local")

    def test_what_does_not_start(self):
        cert, key = self.certificate()
        _, other = self.certificate("other")
        tokens = self.cluster.folder / "tokens"
        make_token(tokens, "a", "operator")
        tls = ["--api-cert", cert, "--api-cert-key", key]
        for args, word in [
                (["--api", "0.0.0.0:0"], "off this machine"),
                (["--api", "0.0.0.0:0", "--api-tokens", tokens], "TLS"),
                (["--api", "0.0.0.0:0", *tls], "tokens"),
                (["--api", "[::]:0", *tls], "tokens"),
                (["--api", "somewhere"], "HOST:PORT"),
                (["--api", "127.0.0.1:0", "--api-cert", cert], "belong"),
                (["--api", "127.0.0.1:0", "--api-cert", cert,
                  "--api-cert-key", other], "key"),
                (["--api", "127.0.0.1:0", "--api-tokens", "/missing"],
                 "/missing"),
                (["--api-tokens", tokens], "--api")]:
            done = subprocess.run(
                [REMUDA, "coordinator", "--listen", "tcp://127.0.0.1:0",
                 "--data", self.cluster.folder / "other", *map(str, args)],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, args)
            self.assertEqual(done.stdout, "", args)
            self.assertIn(word, done.stderr, args)
        make_token(tokens, "a", "operator", code=2)
        make_token(tokens, "b", "agent", code=2)
        make_token(tokens, "B!", "viewer", code=2)


class LimitsTest(ApiTest):
    def open(self):
        host, port = self.url.rsplit("/", 1)[1].split(":")
        return socket.create_connection((host, int(port)), timeout=60)

    def raw(self, text):
        """All that comes back until the other side closes."""
        with self.open() as one:
            one.sendall(text)
            data = b""
            while piece := one.recv(65536):
                data += piece
            return data.decode()

    def test_requests_that_are_none(self):
        api = self.start(agent=False)
        host = b"Host: localhost\r\n"
        for text, status in [
                (b"hello\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400),
                (b"GET /v1/info HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
                (b"GET /v1/info HTTP/1.1\r\nConnection: close\r\n" + host +
                 host + b"\r\n", 400),
                (b"GET /v1/info HTTP/1.1\r\n" + host + b"X: " + b"x" * 9000 +
                 b"\r\n\r\n", 431),
                (b"POST /v1/jobs HTTP/1.1\r\n" + host +
                 b"Content-Type: application/yaml\r\n"
                 b"Content-Length: 99999999999999999999\r\n\r\n", 400),
                (b"POST /v1/jobs HTTP/1.1\r\n" + host +
                 b"Content-Type: application/yaml\r\n"
                 b"Content-Length: 3000000\r\n\r\n", 413),
                (b"POST /v1/jobs HTTP/1.1\r\n" + host +
                 b"Content-Type: application/yaml\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n" +
                 (b"10000\r\n" + b"#" * 65536 + b"\r\n") * 17, 413),
                (b"GET /v1/info HTTP/1.0\r\n" + host + b"\r\n", 200)]:
            with self.subTest(text=text[:80]):
                self.assertEqual(int(self.raw(text).split()[1]), status)
        # Two at once on one connection, and a body that is asked for first.
        two = b"GET /v1/info HTTP/1.1\r\n" + host + b"\r\n"
        last = b"GET /v1/info HTTP/1.1\r\nConnection: close\r\n" + host + b"\r\n"
        self.assertEqual(self.raw(two + last).count('"durability"'), 2)
        spec = noop(1).encode()
        with self.open() as one:
            one.sendall(b"POST /v1/jobs HTTP/1.1\r\n" + host +
                        b"Content-Type: application/yaml\r\nConnection: close\r\n"
                        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
                        % len(spec))
            self.assertTrue(one.recv(100).startswith(b"HTTP/1.1 100 "))
            one.sendall(spec)
            self.assertTrue(one.recv(100).startswith(b"HTTP/1.1 202 "))
        self.assertEqual(len(api.get("/v1/jobs")["jobs"]), 1)

    def test_a_thousand_idle_connections(self):
        api = self.start()
        idle = []
        for i in range(1000):
            one = self.open()
            if i % 2:
                one.sendall(b"GET /v1/info HTTP/1.1\r\nHost: loc")
            idle.append(one)
        job = api.submit(noop(100))["jobs"][0]["id"]
        self.assertEqual(api.wait(job)["state"], "succeeded")
        text = self.coordinator.metrics()
        self.assertLessEqual(metric(text, "remuda_api_connections"), 256)
        self.assertGreater(metric(text, "remuda_api_connections"), 100)
        self.assertEqual(self.cluster.job(job)["state"], "succeeded")
        for one in idle:
            one.close()
        wait_until(lambda: metric(self.coordinator.metrics(),
                                  "remuda_api_connections") == 0,
                   "they are gone")

    def test_who_sends_slowly_is_cut(self):
        self.start(agent=False)
        begin = time.monotonic()
        with self.open() as one:
            one.sendall(b"GET /v1/info HTTP/1.1\r\n")
            one.settimeout(2)
            data = None
            while data is None and time.monotonic() - begin < 100:
                try:
                    one.sendall(b"X: y\r\n")
                    data = one.recv(100)
                except socket.timeout:
                    continue
                except OSError:
                    data = b""
            self.assertEqual(data, b"")
        self.assertGreater(time.monotonic() - begin, 5)

    def test_streams_have_a_limit(self):
        api = self.start(agent=False)
        job = api.submit(sleep(600))["jobs"][0]["id"]
        streams = [api.events(job) for _ in range(16)]
        for stream in streams:
            self.assertEqual(next(stream)[0], "job")
        status, headers, _ = api.ask("GET", f"/v1/events?jobs={job}")
        self.assertEqual(status, 429)
        self.assertIsNotNone(headers["Retry-After"])
        self.assertEqual(api.ask("GET", "/v1/info")[0], 200)
        streams[0].close()
        wait_until(lambda: metric(self.coordinator.metrics(),
                                  "remuda_api_streams") == 15, "one less")
        self.assertEqual(next(api.events(job))[0], "job")

    def test_large_lists(self):
        api = self.start()
        lines = "".join(f"line {i} " + "x" * 50 + "\n" for i in range(200000))
        boundary = "xYzZY"
        parts = {"spec": job_text("big", "noop", ["tasks: {lines: big.txt}"]),
                 "big.txt": lines}
        body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; "
                       f'name="{name}"\r\n\r\n{text}\r\n'
                       for name, text in parts.items()) + f"--{boundary}--\r\n"
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, _, said = api.ask("POST", "/v1/jobs", body, kind)
        self.assertEqual(status, 202)
        self.assertEqual(said["jobs"][0]["tasks"]["total"], 200000)
        self.assertEqual(api.wait(said["jobs"][0]["id"])["state"], "succeeded")
        # Refused by its head; most clients would send on into a closed door.
        connection = api.connection()
        connection.putrequest("POST", "/v1/jobs")
        for name, value in {**kind, "Content-Length": 67 << 20}.items():
            connection.putheader(name, value)
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()


class CrashTest(ApiTest):
    def test_a_stream_and_a_key_outlive_the_coordinator(self):
        api = self.start()
        port = urllib.parse.urlsplit(self.url).netloc
        text = sleep(4, count=2)
        said = api.submit(text, key="only once")
        job = said["jobs"][0]["id"]
        stream = api.events(job)
        self.assertEqual(next(stream)[0], "job")
        self.coordinator.kill()
        self.assertNotIn("end", [kind for kind, _ in stream])
        self.coordinator = self.cluster.coordinator("--api", port)
        again = api.submit(text, key="only once")
        self.assertTrue(again["existed"])
        self.assertEqual(again["jobs"][0]["id"], job)
        kinds = []
        for kind, data in api.events(job, timeout=120):
            kinds.append(kind)
        self.assertEqual(kinds[-1], "end")
        self.assertEqual(api.get(f"/v1/jobs/{job}")["state"], "succeeded")
        self.assertEqual(len(api.get("/v1/jobs")["jobs"]), 1)
        status, _, _ = api.ask("POST", "/v1/jobs", noop(9),
                               {**YAML, "Idempotency-Key": "only once"})
        self.assertEqual(status, 409)


if __name__ == "__main__":
    unittest.main(verbosity=2)
