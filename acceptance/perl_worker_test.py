"""Job types of a worker in another language, through real agents."""

import json
import os
import pathlib
import unittest

from cluster import Cluster, job_text
from embedded_test import Folder

HERE = pathlib.Path(os.getcwd())
WORKER = HERE / "workers/perl/worker.pl"
EXAMPLE = HERE / "jobs/examples/workers/perl.yaml"
PERL = f"perl.eval=perl {WORKER}"


class PerlWorker(Folder):
    def spec(self, code, last, *lines):
        path = self.folder / "perl.yaml"
        path.write_text(job_text("perl", "perl.eval", [
            f"tasks: {{range: {{from: 1, to: {last}}}}}",
            f"with: {{code: '{code}'}}", *lines]))
        return path

    def rows(self):
        out, _ = self.remuda("results", 1, "--json")
        return {row["item"]: row for row in map(json.loads, out.splitlines())}

    def test_the_example_runs_as_it_stands(self):
        self.environment["REMUDA_WORKERS"] = PERL
        self.remuda("run", EXAMPLE)
        self.assertEqual({item: row["output"]
                          for item, row in self.rows().items()},
                         {n: n * n for n in range(1, 1001)})

    def test_a_script_may_be_named_as_it_lies_here(self):
        (self.folder / "mine.pl").write_text(WORKER.read_text())
        self.remuda("run", self.spec("$item + 1", 3),
                    "--worker", "perl.eval=perl mine.pl")
        self.assertEqual([row["output"] for row in self.rows().values()],
                         [2, 3, 4])

    def test_it_fails_prints_crashes_and_is_stopped(self):
        code = ("print qq(task $item\\n); die qq(no sevens\\n) "
                "if $item == 7; kill 9, $$ if $item == 9; "
                "if ($item == 11) { sleep 1 while 1 } $item * $item")
        self.environment["REMUDA_WORKERS"] = PERL
        self.remuda("run", self.spec(code, 500, "success: {max_failed: 3}",
                                     "timeout: 10s"))
        rows = self.rows()
        self.assertEqual(len(rows), 500)
        self.assertEqual({rows[7]["state"], rows[9]["state"]}, {"failed"})
        self.assertIn("no sevens", rows[7]["error"])
        self.assertIn("SIGKILL", rows[9]["error"])
        self.assertEqual(rows[11]["state"], "timed_out")
        for item, row in rows.items():
            if item not in (7, 9, 11):
                self.assertEqual((row["state"], row["output"]),
                                 ("succeeded", item * item))
        out, _ = self.remuda("logs", 1, "--task", 2)
        self.assertIn("task 3", out)

    def test_a_worker_that_cannot_start_says_so(self):
        self.environment["REMUDA_WORKERS"] = "perl.eval=perl /no/such/file"
        self.remuda("run", self.spec("1", 1), code=1)
        self.assertIn("/no/such/file", self.rows()[1]["error"])

    def test_what_is_no_worker_is_refused(self):
        for text, words in [("perl.eval=", "no command"),
                            ("python=perl", "already"),
                            ("Perl=perl", "no name of a job type")]:
            self.environment["REMUDA_WORKERS"] = text
            _, said = self.remuda("types", code=2)
            self.assertIn(words, said)
        del self.environment["REMUDA_WORKERS"]
        _, said = self.remuda("run", EXAMPLE, code=2)
        self.assertIn("perl.eval", said)
        self.assertIn("--worker", said)


class PerlWorkerInACluster(unittest.TestCase):
    def test_clients_and_coordinators_need_the_type_alone(self):
        spec = EXAMPLE.read_text()
        with Cluster() as cluster:
            cluster.coordinator("--worker", "perl.eval")
            cluster.agent("--worker", PERL)
            cluster.agents_online(1)
            path = cluster.spec("perl", spec)
            other = cluster.spec("other", spec.replace("perl.eval", "js.eval"))
            self.assertIn("this coordinator knows no job type 'js.eval'",
                          cluster.remuda("submit", other, "--worker",
                                         "js.eval", code=2).stderr)
            said = cluster.remuda("run", path, "--worker", "perl.eval",
                                  "--json").stdout
            job = json.loads(said)["jobs"][0]
            self.assertEqual(job["executor"], "process-pool")
            self.assertEqual(job["tasks"]["succeeded"], 1000)

    def test_an_agent_without_the_worker_says_what_is_missing(self):
        with Cluster() as cluster:
            cluster.coordinator("--worker", "perl.eval")
            cluster.agent()
            cluster.agents_online(1)
            path = cluster.spec("perl", EXAMPLE.read_text())
            job = cluster.submit(path, "--worker", "perl.eval")
            self.assertIn("no online agent runs jobs of type 'perl.eval'",
                          cluster.job(job)["reason"])
            cluster.agent("--worker", PERL)
            self.assertEqual(cluster.wait(job)["state"], "succeeded")


if __name__ == "__main__":
    unittest.main()
