"""What the tutorial on concurrency teaches, as jobs: the examples, run.

Each test runs one example as it lies in jobs/examples and looks at what came
of it, which executor ran it and why.
"""

import html
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

from cluster import ROOT, Cluster, wait_until

EXAMPLES = ROOT / "jobs/examples"
TUTORIAL = ROOT / "bench/tutorial"


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(durability="relaxed")
        cls.cluster.coordinator()
        cls.agent = cls.cluster.agent("--slots", "process-pool=2")
        cls.cluster.agents_online(1)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None)

    def run_example(self, name, code=0):
        """The jobs of an example by their names, when all have ended."""
        done = self.cluster.remuda("run", EXAMPLES / f"{name}.yaml", "--json",
                                   code=code)
        self.said = done.stderr
        return {job["name"]: job for job in json.loads(done.stdout)["jobs"]}

    def outputs(self, job):
        return [row["output"] for row in self.cluster.results(job["id"])]

    def notes(self, job):
        shown = self.cluster.job(job["id"])
        return {one["code"]: one for one in shown["findings"]}

    def test_s1_thousands_wait_on_an_event_loop(self):
        job = self.run_example("async")["async"]
        self.assertEqual(job["executor"], "async")
        self.assertIn("async def", job["executor_reason"])
        self.assertEqual(self.outputs(job),
                         [n * n for n in range(1, 2001)])
        # 2,000 half seconds, side by side: nothing waited for another.
        self.assertLess(job["duration_seconds"], 500)

    def test_s2_each_thread_has_a_connection_of_its_own(self):
        job = self.run_example("threads")["threads"]
        self.assertEqual(job["executor"], "thread-pool")
        self.assertIn("threads", job["executor_reason"])
        rows = {}
        for count, output in enumerate(self.outputs(job), 1):
            rows.setdefault(output["thread"], []).append((count,
                                                          output["rows"]))
        # A thread's connection has the rows that this thread has put there.
        # Threads of two workers may have the same name, so sums are compared.
        totals = [total for seen in rows.values() for _, total in seen]
        self.assertEqual(len(totals), 200)
        self.assertTrue(all(total >= count for seen in rows.values()
                            for count, total in seen))
        self.assertNotIn("shared_object", self.notes(job))

    def test_s3_processes_compute(self):
        job = self.run_example("processes")["processes"]
        self.assertEqual(job["executor"], "process-pool")
        self.assertIn("computes", job["executor_reason"])
        self.assertEqual(self.outputs(job),
                         [sum(i * i for i in range(1000000))] * 8)

    def test_s4_one_word_changes_the_executor(self):
        jobs = self.run_example("executors")
        self.assertEqual({job["executor"] for job in jobs.values()},
                         {"async", "thread-pool", "process-pool"})
        squares = [n * n for n in range(1, 21)]
        self.assertEqual(self.outputs(jobs["on-async"]), squares)
        self.assertEqual(self.outputs(jobs["on-threads"]), squares)
        self.assertEqual(self.outputs(jobs["on-processes"]), squares[:2])

    def test_s5_the_right_tool(self):
        jobs = self.run_example("vectorized")
        done = {name: self.outputs(job)[0] for name, job in jobs.items()}
        x_twice = 2 * sum(i % 1000 for i in range(1000000))
        y = sum(i % 997 for i in range(1000000)) / 2
        self.assertEqual({name: output["sum"] for name, output in
                          done.items()},
                         dict.fromkeys(("as-a-list", "with-numpy",
                                        "with-simd"), x_twice + y))
        for output in done.values():
            self.assertGreater(output["seconds"], 0)
        self.assertIn("as it has cpus", jobs["with-numpy"]["executor_reason"])
        self.assertEqual(jobs["with-simd"]["executor"], "thread-pool")

    def test_s5_threads_of_libraries_are_capped(self):
        spec = self.cluster.spec("caps", """
apiVersion: remuda/v1
kind: Job
metadata: {name: caps}
spec:
  type: command
  resources: {cpu: 2}
  with: {argv: [sh, -c, "echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS"]}
""")
        job = self.cluster.run(spec)
        self.assertEqual(self.outputs(job)[0]["stdout"], "2 2\n")

    def test_s6_a_loop_offloads_what_computes(self):
        job = self.run_example("offload")["offload"]
        self.assertEqual(job["executor"], "async")
        sys.path.insert(0, str(EXAMPLES))
        try:
            import computing
        finally:
            sys.path.pop(0)
        self.assertEqual(self.outputs(job),
                         [computing.digest(name) for name in
                          ("ada", "grace", "edsger", "barbara")])
        self.assertNotIn("loop_blocked", self.notes(job))

    def test_s7_the_tutorials_crawler_runs_unchanged(self):
        clone = self.cluster.folder / "clone"
        shutil.copytree(EXAMPLES, clone / "jobs/examples")
        shutil.copytree(TUTORIAL, clone / "bench/tutorial")
        site = clone / "site"
        site.mkdir()
        titles = [f"Page {number} & more" for number in range(1, 401)]
        for number, title in enumerate(titles):
            (site / f"{number:03}.html").write_text(
                f"<title>{html.escape(title)}</title>")
        (site / "zzz.html").write_text("<p>a page without a title")
        urls = clone / "jobs/examples/urls.txt"
        server = subprocess.Popen(
            ["/usr/bin/python3", EXAMPLES / "serve_pages.py", site, urls],
            stdout=subprocess.PIPE, text=True)
        try:
            server.stdout.readline()  # it listens, and has written the URLs
            done = self.cluster.remuda(
                "run", clone / "jobs/examples/crawler.yaml", "--json")
            (job,) = json.loads(done.stdout)["jobs"]
            rows = self.cluster.results(job["id"])
            # The script that the function is from, over the good pages.
            urls.write_text("".join(row["item"] + "\n" for row in rows[:-1]))
            script = subprocess.run(
                ["/usr/bin/python3", TUTORIAL / "crawler.py", urls],
                capture_output=True, text=True, check=True)
        finally:
            server.kill()
            server.communicate()
        self.assertEqual(job["executor"], "async")
        self.assertIn("async def", job["executor_reason"])
        self.assertEqual([row["output"] for row in rows[:-1]], titles)
        self.assertEqual(script.stdout, "400\n")
        # Where the script would have ended, one task has.
        self.assertEqual(rows[-1]["state"], "failed")
        self.assertIn("AttributeError", rows[-1]["error"])
        self.assertEqual(job["state"], "succeeded")
        self.assertNotIn("loop_blocked", self.notes(job))

    def test_s9_the_interpreter_says_what_it_is(self):
        job = self.run_example("interpreter")["interpreter"]
        found = subprocess.run(
            ["python3", "-c", "import sys; print(sys.version.split()[0])"],
            capture_output=True, text=True, check=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
        (facts,) = self.outputs(job)
        self.assertEqual(facts["version"], found.stdout.strip())
        # No free-threaded interpreter in Debian 12: this is the one with it.
        self.assertTrue(facts["gil"])

    def test_s10_auto_chooses_and_says_why(self):
        jobs = self.run_example("auto")
        chosen = {name: (job["executor"], job["executor_reason"])
                  for name, job in jobs.items()}
        self.assertEqual({name: kind for name, (kind, _) in chosen.items()},
                         {"waits": "async", "blocks": "thread-pool",
                          "unknown": "process-pool"})
        plan = self.cluster.remuda("plan", EXAMPLES / "auto.yaml").stdout
        for kind, reason in chosen.values():
            self.assertIn(f"on {kind}: {reason}", plan)
        rows = self.cluster.results(jobs["waits"]["id"])
        self.assertEqual({row["executor"] for row in rows}, {"async"})

    def test_s12_traps_are_caught(self):
        jobs = self.run_example("traps", code=1)
        self.assertEqual(jobs["blocks-the-loop"]["state"], "succeeded")
        notes = self.notes(jobs["blocks-the-loop"])
        for code in ("blocking_call", "loop_blocked"):
            self.assertEqual(notes[code]["function"], "blocks_the_loop")
            self.assertTrue(notes[code]["file"].endswith("traps.py"))
            self.assertIn("time.sleep", notes[code]["text"])
        self.assertIn("await the coroutine instead",
                      self.failure(jobs["nests-a-loop"]))
        shared = self.notes(jobs["shares-a-connection"])["shared_object"]
        self.assertIn("sqlite3.Connection", shared["text"])
        self.assertIn("setup: {shared:", shared["text"])
        self.assertIn("which nobody awaits",
                      self.failure(jobs["forgets-to-await"]))
        told = self.notes(jobs["returns-a-set"])["result_not_json"]
        self.assertEqual(told["function"], "returns_what_is_not_json")
        for name, words in [
                ("returns-a-set", "the result is of type set"),
                ("yields", "is a def with yield, a generator"),
                ("hands-over-a-lambda", "define it with def at the top of"),
                ("hands-over-a-connection", "argument 0, of type sqlite3."),
                ("forks-among-threads", "subprocess")]:
            self.assertIn(words, self.failure(jobs[name]))

    def failure(self, job):
        """The line for a person, if the only task failed."""
        (row,) = self.cluster.results(job["id"])
        self.assertEqual(row["state"], "failed")
        return row["error"].splitlines()[0]

    def test_s12_a_plain_function_on_async_is_refused(self):
        spec = self.cluster.spec("plain", f"""
apiVersion: remuda/v1
kind: Job
metadata: {{name: plain}}
spec:
  type: python
  executor: async
  with: {{function: "traps:is_not_async", args: [1], path: [{EXAMPLES}]}}
""")
        done = self.cluster.remuda("submit", spec, code=2)
        self.assertIn("use 'thread-pool', or make it an async def",
                      done.stderr)

    def test_s12_a_script_without_its_guard(self):
        (self.cluster.folder / "unguarded.py").write_text(
            "import multiprocessing\n\n\ndef work(n):\n    return n\n\n\n"
            "multiprocessing.Pool(2).map(work, [1, 2])\n")
        spec = self.cluster.spec("unguarded", """
apiVersion: remuda/v1
kind: Job
metadata: {name: unguarded}
spec:
  type: python
  with: {function: "unguarded:work", args: [1]}
""")
        job = self.cluster.run(spec, code=1)
        (row,) = self.cluster.results(job["id"])
        self.assertIn('if __name__ == "__main__":', row["error"])
        self.assertIn("unguarded.py", row["error"])

    def test_s12_a_blocked_loop_is_named_while_it_blocks(self):
        (self.cluster.folder / "slow.py").write_text(
            "import asyncio, time\n\n\nasync def work(n):\n"
            "    if n == 13:\n        time.sleep(4)\n"
            "    await asyncio.sleep(0.01)\n    return n\n")
        spec = self.cluster.spec("slow", """
apiVersion: remuda/v1
kind: Job
metadata: {name: slow}
spec:
  type: python
  tasks: {range: {from: 1, to: 1000}}
  timeout: 300s
  with: {function: "slow:work"}
""")
        job = self.cluster.submit(spec)

        def named():
            shown = self.cluster.job(job)
            for one in shown["findings"]:
                if one["code"] == "loop_blocked":
                    return one, shown["state"]

        finding, state = wait_until(named, "the stall is told")
        self.assertEqual(state, "running")
        self.assertEqual(finding["function"], "work")
        self.assertEqual((pathlib.Path(finding["file"]).name,
                          finding["line"]), ("slow.py", 6))
        ended = self.cluster.wait(job)
        self.assertEqual(ended["tasks"]["succeeded"], 1000)
        self.assertEqual(ended["attempts"], 1000)


if __name__ == "__main__":
    unittest.main()
