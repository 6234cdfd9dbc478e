"""A crawl of real pages that nobody here wrote, from a real web server.

nginx serves the HTML of Debian's libstdc++-12-doc. REMUDA_CRAWL_URLS sets how
many URLs are crawled; the pages repeat if needed.
"""

import html.parser
import os
import pathlib
import random
import re
import socket
import subprocess
import unittest

from cluster import Cluster, job_text, wait_until

DOCS = pathlib.Path("/usr/share/doc/libstdc++-12-doc/libstdc++")
URLS = int(os.environ.get("REMUDA_CRAWL_URLS", "10000"))
SAMPLE = 500


class TitleParser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.inside = False
        self.title = None

    def handle_starttag(self, tag, attrs):
        if tag == "title" and self.title is None:
            self.inside, self.title = True, ""

    def handle_endtag(self, tag):
        if tag == "title":
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.title += data


def title_of(path):
    parser = TitleParser()
    parser.feed(path.read_text("utf-8", "replace"))
    # HTML's white space; a no-break space is a character like others.
    return (None if parser.title is None
            else re.sub("[ \t\n\f\r]+", " ", parser.title).strip(" "))


class Nginx:
    def __init__(self, folder, root):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  include /etc/nginx/mime.types; access_log off; sendfile on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root {root}; }}
}}
""")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(config)],
                                        stderr=subprocess.DEVNULL)

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(answers, "nginx to listen")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Crawl(unittest.TestCase):
    def test_titles_of_debian_documentation(self):
        pages = sorted(DOCS.rglob("*.html"))
        self.assertGreater(len(pages), 2000, "install libstdc++-12-doc")
        with Cluster() as cluster:
            nginx = Nginx(cluster.folder, DOCS)
            self.addCleanup(nginx.stop)
            base = f"http://127.0.0.1:{nginx.port}/"
            chosen = [pages[i % len(pages)] for i in range(URLS)]
            (cluster.folder / "urls.txt").write_text("".join(
                base + str(page.relative_to(DOCS)) + "\n" for page in chosen))
            cluster.coordinator()
            cluster.agent(), cluster.agent()
            cluster.agents_online(2)
            job = cluster.run(cluster.spec("crawl", job_text(
                "crawl-titles", "http.crawl",
                ["tasks: {lines: urls.txt}", 'with: {url: "{{item}}"}',
                 "concurrency: 200"])))
            self.assertEqual(job["state"], "succeeded")
            self.assertEqual(job["tasks"]["succeeded"], URLS)
            rows = cluster.results(job["id"])
            self.assertEqual(len(rows), URLS)
            self.assertEqual({row["agent"] for row in rows},
                             {"agent-1", "agent-2"})
            for row in random.Random(1).sample(rows, min(SAMPLE, URLS)):
                output = row["output"]
                page = chosen[row["index"]]
                self.assertEqual(output["title"], title_of(page), str(page))
                self.assertEqual(output["status"], 200)
                self.assertEqual(output["bytes"], page.stat().st_size)
                self.assertEqual(output["url"], row["item"])
                self.assertLessEqual(len(output["links"]), 100)
                for link in output["links"]:
                    self.assertRegex(link, r"^https?://")
            print(f"{URLS} pages in {job['duration_seconds']:.2f} s")


if __name__ == "__main__":
    unittest.main()
