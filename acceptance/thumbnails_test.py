"""Thumbnails by the plugin image, beside those that vipsthumbnail makes.

REMUDA_THUMBNAILS is how many pictures; 40 unless it says more.
"""

import json
import os
import pathlib
import shutil
import subprocess
import unittest
import zlib

from cluster import ROOT, job_text
from embedded_test import Folder

PLUGIN = str(pathlib.Path(os.getcwd()) / "plugins/image/image.so")
COUNT = int(os.environ.get("REMUDA_THUMBNAILS", "40"))
SIZES = [(1600, 1200), (904, 1304), (640, 480), (808, 792), (2000, 304)]


def vips(*args):
    done = subprocess.run(["vips", *map(str, args)], capture_output=True,
                          text=True, check=True)
    return done.stdout.strip()


def field(path, name):
    return subprocess.run(["vipsheader", "-f", name, str(path)],
                          capture_output=True, text=True,
                          check=True).stdout.strip()


class Thumbnails(Folder):
    def picture(self, name, size, seed=1):
        """A JPEG with something to see: noise over a slope, in colours."""
        raw = self.folder / "raw.v"
        width, height = size
        vips("gaussnoise", raw, width // 8, height // 8, "--mean", 128,
             "--sigma", 60, "--seed", seed)
        vips("resize", raw, self.folder / "large.v", 8)
        vips("cast", self.folder / "large.v", self.folder / "bytes.v", "uchar")
        vips("bandjoin",
             " ".join([f"{self.folder}/bytes.v"] * 3),
             self.folder / "colours.v")
        vips("copy", self.folder / "colours.v", self.folder / name,
             "--interpretation", "srgb")
        return self.folder / name

    def turned(self, path, orientation):
        """The same file, with an EXIF orientation before its other parts."""
        tiff = (b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
                + bytes([orientation]) + b"\0\0\0\0\0\0\0")
        body = b"Exif\0\0" + tiff
        data = path.read_bytes()
        part = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
        path.write_bytes(data[:2] + part + data[2:])

    def difference(self, one, other):
        """Of their pixels, the mean, of 255."""
        vips("subtract", one, other, self.folder / "less.v")
        vips("abs", self.folder / "less.v", self.folder / "size.v")
        return float(vips("avg", self.folder / "size.v"))

    def thumbnails(self, spec_lines, code=0):
        spec = self.folder / "job.yaml"
        spec.write_text(job_text("thumbnails", "image.thumbnail", spec_lines))
        self.remuda("run", spec, "--plugin", PLUGIN, code=code)
        out, _ = self.remuda("results", 1, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def test_as_vipsthumbnail_makes_them(self):
        bases = [self.picture(f"base-{i}.jpg", size, i)
                 for i, size in enumerate(SIZES)]
        for number in range(COUNT):
            path = self.folder / f"{number}.jpg"
            path.write_bytes(bases[number % len(bases)].read_bytes())
            self.turned(path, number % 8 + 1)
        rows = self.thumbnails([
            f"tasks: {{range: {{from: 0, to: {COUNT - 1}}}}}",
            f'with: {{from: "{self.folder}/{{{{item}}}}.jpg", '
            f'to: "{self.folder}/out/{{{{item}}}}.jpg", quality: 90}}'])
        self.assertEqual({row["state"] for row in rows}, {"succeeded"})
        (self.folder / "peer").mkdir()
        subprocess.run(
            ["vipsthumbnail", "--size", "800x800>", "-o",
             f"{self.folder}/peer/%s.jpg[Q=90,strip]"]
            + [str(self.folder / f"{n}.jpg") for n in range(COUNT)],
            check=True)
        for number, row in enumerate(rows):
            ours = self.folder / "out" / f"{number}.jpg"
            peer = self.folder / "peer" / f"{number}.jpg"
            # Half of the orientations turn the picture on its side.
            width, height = SIZES[number % len(SIZES)]
            if number % 8 + 1 >= 5:
                width, height = height, width
            scale = min(1, 800 / width, 800 / height)
            self.assertAlmostEqual(row["output"]["width"], width * scale,
                                   delta=1)
            self.assertAlmostEqual(row["output"]["height"], height * scale,
                                   delta=1)
            self.assertEqual(row["output"]["bytes"], ours.stat().st_size)
            self.assertEqual(field(ours, "width"), field(peer, "width"))
            self.assertEqual(field(ours, "height"), field(peer, "height"))
            if scale > 0.5:
                self.assertEqual(ours.read_bytes(), peer.read_bytes(), number)
            else:  # unpacked smaller, which is not the same and looks it
                self.assertLess(self.difference(ours, peer), 1.5, number)

    def test_the_example(self):
        """As it lies in jobs/examples, but for where it writes."""
        shutil.copytree(ROOT / "jobs/examples/plugins", self.folder / "example")
        spec = self.folder / "example/thumbnails.yaml"
        text = spec.read_text()
        self.assertIn("/tmp/remuda-thumbnails", text)
        spec.write_text(text.replace("/tmp/remuda-thumbnails",
                                     str(self.folder / "out")))
        self.remuda("run", spec, "--plugin", PLUGIN)
        out, _ = self.remuda("results", 1, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(row["output"]["width"], row["output"]["height"])
                          for row in rows], [(400, 300)] * 3)
        for number in range(3):
            made = self.folder / f"out/{number}.jpg"
            self.assertEqual(field(made, "width"), "400")

    def test_the_suffix_is_the_format(self):
        self.picture("a.jpg", (900, 900))
        rows = self.thumbnails([
            "tasks: {items: [png, webp, jpeg]}",
            f'with: {{from: "{self.folder}/a.jpg", '
            f'to: "{self.folder}/a-small.{{{{item}}}}", width: 90, height: 60}}'
        ])
        self.assertEqual([row["state"] for row in rows], ["succeeded"] * 3)
        for suffix, loader in (("png", "pngload"), ("webp", "webpload"),
                               ("jpeg", "jpegload")):
            made = self.folder / f"a-small.{suffix}"
            self.assertEqual(field(made, "vips-loader"), loader)
            self.assertEqual((field(made, "width"), field(made, "height")),
                             ("60", "60"))

    def test_brackets_in_a_name_are_no_options(self):
        whole = self.picture("a.jpg", (900, 900))
        (self.folder / "a.jpg[shrink=8]").write_bytes(whole.read_bytes())
        rows = self.thumbnails([
            "tasks: {items: [{from: a.jpg, to: plain.jpg}, "
            "{from: 'a.jpg[shrink=8]', to: 'b[Q=1].jpg'}]}",
            f'with: {{from: "{self.folder}/{{{{item.from}}}}", '
            f'to: "{self.folder}/{{{{item.to}}}}", '
            "width: 600, height: 600}"])
        self.assertEqual([row["state"] for row in rows], ["succeeded"] * 2)
        plain = self.folder / "plain.jpg"
        self.assertEqual((field(plain, "width"), field(plain, "height")),
                         ("600", "600"))
        self.assertEqual((self.folder / "b[Q=1].jpg").read_bytes(),
                         plain.read_bytes())

    def test_what_cannot_be_read_or_written_is_said(self):
        self.picture("a.jpg", (640, 480))
        (self.folder / "text.jpg").write_text("no picture")
        (self.folder / "half.jpg").write_bytes(
            (self.folder / "a.jpg").read_bytes()[:200])
        (self.folder / "cut.jpg").write_bytes(
            (self.folder / "a.jpg").read_bytes()[:-2000])
        # One that is unpacked smaller.
        (self.folder / "cut-large.jpg").write_bytes(
            self.picture("large.jpg", (1600, 1200)).read_bytes()[:-2000])
        # libvips reads it, by a loader that thumbnails have no need of.
        (self.folder / "a.ppm").write_bytes(b"P6 2 2 255\n" + bytes(12))
        # A PNG that says it has 65,000 x 65,000 pixels.
        header = (b"\0\0\0\rIHDR" + (65000).to_bytes(4, "big") * 2
                  + b"\x08\2\0\0\0")
        (self.folder / "bomb.png").write_bytes(
            b"\x89PNG\r\n\x1a\n" + header
            + zlib.crc32(header[4:]).to_bytes(4, "big")
            + b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big"))
        cases = [("none.jpg", "x.jpg", "cannot read"),
                 ("text.jpg", "x.jpg", "cannot read"),
                 ("half.jpg", "x.jpg", "half.jpg"),
                 ("cut.jpg", "x.jpg", "cut.jpg"),
                 ("cut-large.jpg", "x.jpg", "cut-large.jpg"),
                 ("a.ppm", "x.jpg", "no JPEG, PNG or WebP"),
                 ("bomb.png", "x.jpg", "pixels; the limit is"),
                 ("a.jpg", "x.txt", "must end in")]
        items = ", ".join(f"{{from: {a}, to: {b}}}" for a, b, _ in cases)
        rows = self.thumbnails([
            f"tasks: {{items: [{items}]}}",
            f'with: {{from: "{self.folder}/{{{{item.from}}}}", '
            f'to: "{self.folder}/{{{{item.to}}}}"}}'], code=1)
        for row, (_, _, words) in zip(rows, cases):
            self.assertEqual(row["state"], "failed")
            self.assertIn(words, row["error"])
        self.assertFalse((self.folder / "x.jpg").exists())
        self.assertEqual([p for p in self.folder.iterdir()
                          if p.name.startswith(".x")], [])


if __name__ == "__main__":
    unittest.main()
