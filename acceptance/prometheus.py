"""A real Prometheus on loopback for the acceptance tests."""

import json
import math
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from cluster import free_port, wait_until


class Prometheus:
    """Runs on `config` in `folder` until the with statement ends."""

    def __init__(self, folder, config):
        self.address = f"127.0.0.1:{free_port()}"
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config))
        self.log = open(folder / "prometheus.log", "ab")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={path}",
             f"--storage.tsdb.path={folder / 'tsdb'}",
             f"--web.listen-address={self.address}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, path, **parameters):
        """The data of an answer; None while there is none."""
        assert self.process.poll() is None, "prometheus ended"
        url = f"http://{self.address}/api/v1/{path}"
        if parameters:
            url += "?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is still starting
                return None
            raise AssertionError(f"{url}: {error.read().decode()}") from error
        except OSError:
            return None

    def wait_ready(self):
        wait_until(lambda: self.ask("status/buildinfo"), "Prometheus to answer")

    def values(self, query):
        """The values of an instant query, those that are no number aside."""
        data = self.ask("query", query=query)
        found = [float(one["value"][1]) for one in data["result"]] if data else []
        return [value for value in found if not math.isnan(value)]

    def firing(self):
        """The names of the alerts that fire."""
        data = self.ask("query", query='ALERTS{alertstate="firing"}')
        return {one["metric"]["alertname"] for one in
                (data["result"] if data else [])}

    def wait_firing(self, *names):
        for name in names:
            wait_until(lambda: name in self.firing(), f"{name} to fire")

    def wait_silent(self, *names):
        for name in names:
            wait_until(lambda: name not in self.firing(), f"{name} to end")
