#include "jobs/item_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace remuda {
namespace {

class ItemFilesTest : public testing::Test {
 protected:
  ItemFilesTest()
      : folder_((std::filesystem::path(testing::TempDir()) / "item [files]" /
                 testing::UnitTest::GetInstance()->current_test_info()->name())
                    .string()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~ItemFilesTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(
        std::filesystem::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }

  absl::StatusOr<ResolvedJob> Resolve(TaskSource::Written written,
                                      const std::string& path) {
    job_.tasks.kind = TaskSource::Kind::kList;
    job_.tasks.written = written;
    job_.tasks.path = path;
    return ResolveItems(job_, folder_);
  }

  std::string Bytes(TaskSource::Written written, const std::string& path) {
    const auto resolved = Resolve(written, path);
    if (!resolved.ok()) return std::string(resolved.status().message());
    EXPECT_EQ(resolved->job.tasks.list_count, resolved->items.count());
    EXPECT_EQ(resolved->job.tasks.path, "");
    return resolved->items.bytes();
  }

  const std::string folder_;
  Job job_;
};

constexpr auto kLines = TaskSource::Written::kLines;
constexpr auto kGlob = TaskSource::Written::kGlob;
constexpr auto kCsv = TaskSource::Written::kCsv;

TEST_F(ItemFilesTest, LinesBecomeTexts) {
  Write("in/urls.txt", "\xEF\xBB\xBFone\r\n\n  \t\r\n two \"2\" \nthree");
  EXPECT_EQ(Bytes(kLines, "in/urls.txt"),
            "\"one\"\n\" two \\\"2\\\" \"\n\"three\"\n");
  EXPECT_EQ(Bytes(kLines, folder_ + "/in/../in/urls.txt"),
            Bytes(kLines, "in/urls.txt"));
}

TEST_F(ItemFilesTest, FilesThatCannotBeRead) {
  const auto missing = Resolve(kLines, "none.txt");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.status().message(),
            "there is no file '" + folder_ + "/none.txt'");
  Write("folder/x", "");
  EXPECT_EQ(Bytes(kLines, "folder"),
            "'" + folder_ + "/folder' is a folder, not a file");
  Write("empty.txt", "\n \n\r\n");
  EXPECT_EQ(Bytes(kLines, "empty.txt"),
            "'" + folder_ + "/empty.txt' has no line that is not blank");
  Write("latin.txt", "ok\n\ncaf\xe9\n");
  EXPECT_EQ(Bytes(kLines, "latin.txt"),
            folder_ + "/latin.txt: line 3 is not UTF-8 text");
}

TEST_F(ItemFilesTest, ItemsAndListsAreBounded) {
  Write("long.txt", "a\n" + std::string(ItemList::kItemBytesMax, 'x') + "\n");
  const auto too_long = Resolve(kLines, "long.txt");
  EXPECT_EQ(too_long.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(too_long.status().message().find("line 2 is over 64 KiB"),
            std::string::npos);
  const auto endless = Resolve(kLines, "/dev/zero");
  EXPECT_EQ(endless.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(endless.status().message(),
            "'/dev/zero' is over 256 MiB, the most that one job's items may "
            "have");
}

TEST_F(ItemFilesTest, AHundredThousandLines) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    text += "https://example.org/pages/" + std::to_string(i) + ".html\n";
  }
  Write("urls.txt", text);
  const auto resolved = Resolve(kLines, "urls.txt");
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->items.count(), 100'000u);
  EXPECT_EQ(ItemList::SplitIntoChunks(resolved->items.bytes())->size(), 98u);
}

TEST_F(ItemFilesTest, GlobsAreSortedFilesWithTheirWholePath) {
  for (const char* name : {"a/b.txt", "a/B.txt", "a/\xC3\xA4.txt", "a/1.txt",
                           "a/x.png", "a/.hidden.txt", "c/z.txt"}) {
    Write(name, "x");
  }
  std::filesystem::create_directories(folder_ + "/a/folder.txt");
  const std::string a = "\"" + folder_ + "/a/";
  EXPECT_EQ(Bytes(kGlob, "a/*.txt"), a + "1.txt\"\n" + a + "B.txt\"\n" + a +
                                         "b.txt\"\n" + a + "\xC3\xA4.txt\"\n");
  EXPECT_EQ(Bytes(kGlob, "./[c]/?.txt"), "\"" + folder_ + "/c/z.txt\"\n");
  EXPECT_EQ(Bytes(kGlob, "a/*.jpg"),
            "no file matches 'a/*.jpg' in '" + folder_ + "'");
  EXPECT_NE(Bytes(kGlob, "**/*.txt").find("not supported yet"),
            std::string::npos);
}

TEST_F(ItemFilesTest, RowsBecomeMaps) {
  Write("jobs.csv", "name,\"the size\"\r\nx,1\r\n\"a,\"\"b\"\"\",\r\n");
  job_.with = R"({"a":"{{name}}","b":"{{the size}}","c":"{{item.name}}"})";
  EXPECT_EQ(Bytes(kCsv, "jobs.csv"),
            "{\"name\":\"x\",\"the size\":\"1\"}\n"
            "{\"name\":\"a,\\\"b\\\"\",\"the size\":\"\"}\n");
  job_.with = R"({"a":"{{nmae}}"})";
  EXPECT_EQ(Bytes(kCsv, "jobs.csv"),
            folder_ +
                "/jobs.csv: 'with' names the column 'nmae', which is "
                "not there, did you mean 'name'?");
}

TEST_F(ItemFilesTest, RowsThatDoNotFit) {
  const std::string path = folder_ + "/x.csv";
  Write("x.csv", "a,b\n1,2\n\n3\n");
  EXPECT_EQ(Bytes(kCsv, "x.csv"),
            path + ": line 4 has 1 columns, the first row names 2");
  Write("x.csv", "a,b\n");
  EXPECT_EQ(Bytes(kCsv, "x.csv"), "'" + path + "' has no row under its first");
  Write("x.csv", "");
  EXPECT_EQ(Bytes(kCsv, "x.csv"),
            path + ": is empty; its first row has to name the columns");
  Write("x.csv", "a,a\n1,2\n");
  EXPECT_EQ(Bytes(kCsv, "x.csv"), path + ": two columns are named 'a'");
  Write("x.csv", "a,\n1,2\n");
  EXPECT_EQ(Bytes(kCsv, "x.csv"), path + ": a column has no name");
  Write("x.csv", "a\n1\n\xff\n");
  EXPECT_EQ(Bytes(kCsv, "x.csv"), path + ": line 3 is not UTF-8 text");
}

TEST_F(ItemFilesTest, InlineItemsBecomeAList) {
  job_.tasks.inline_items = {"1", "\"x\"", "{\"a\":null}"};
  EXPECT_EQ(Bytes(TaskSource::Written::kItems, ""), "1\n\"x\"\n{\"a\":null}\n");
  job_.tasks.inline_items.clear();
  EXPECT_EQ(Bytes(TaskSource::Written::kItems, ""), "tasks.items is empty");
}

TEST_F(ItemFilesTest, ComputedSourcesCostNothing) {
  job_.tasks.kind = TaskSource::Kind::kRange;
  job_.tasks.written = TaskSource::Written::kRange;
  job_.tasks.to = 9'999'999;
  const auto resolved = ResolveItems(job_, "/nowhere");
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->job, job_);
  EXPECT_EQ(resolved->items.count(), 0u);
}

TEST_F(ItemFilesTest, FoldersOfTheSpecBecomeAbsolute) {
  job_.type = "python";
  job_.with = R"({"function":"m:f"})";
  EXPECT_EQ(ResolveItems(job_, "/specs/a/")->job.with,
            R"({"function":"m:f","path":["/specs/a"]})");
  job_.with =
      R"({"path":["../lib","/opt","{{item}}"],"python":"venv/bin/python"})";
  EXPECT_EQ(ResolveItems(job_, "/specs/a")->job.with,
            R"({"path":["/specs/lib","/opt","{{item}}"],)"
            R"("python":"/specs/a/venv/bin/python"})");
  job_.with = R"({"path":[],"python":"python3.11"})";
  EXPECT_EQ(ResolveItems(job_, "/specs/a")->job.with, job_.with);
  job_.type = "command";
  job_.with = R"({"argv":["ls"],"cwd":"out/{{index}}"})";
  EXPECT_EQ(ResolveItems(job_, "/specs/a")->job.with,
            R"({"argv":["ls"],"cwd":"/specs/a/out/{{index}}"})");
}

class SentItemsTest : public testing::Test {
 protected:
  std::string Error(TaskSource::Written written, const std::string& path) {
    job_.tasks.kind = TaskSource::Kind::kList;
    job_.tasks.written = written;
    job_.tasks.path = path;
    const auto resolved = ResolveSentItems(job_, files_);
    if (resolved.ok()) return "";
    EXPECT_TRUE(absl::IsInvalidArgument(resolved.status()));
    return std::string(resolved.status().message());
  }

  Job job_;
  const std::map<std::string, std::string> files_ = {
      {"a.txt", "one\r\n\ntwo\n"}, {"sub/b.csv", "x,y\n1,2\n"}};
};

TEST_F(SentItemsTest, AreTakenByTheNameInTheSpec) {
  EXPECT_EQ(Error(TaskSource::Written::kLines, "a.txt"), "");
  EXPECT_EQ(ResolveSentItems(job_, files_)->items.bytes(),
            "\"one\"\n\"two\"\n");
  EXPECT_EQ(Error(TaskSource::Written::kCsv, "sub/b.csv"), "");
  EXPECT_EQ(ResolveSentItems(job_, files_)->items.bytes(),
            "{\"x\":\"1\",\"y\":\"2\"}\n");
}

TEST_F(SentItemsTest, NeverComeFromThisMachine) {
  EXPECT_NE(Error(TaskSource::Written::kLines, "/etc/passwd")
                .find("'/etc/passwd' was not sent"),
            std::string::npos);
  EXPECT_NE(Error(TaskSource::Written::kCsv, "../a.txt").find("was not sent"),
            std::string::npos);
  EXPECT_NE(Error(TaskSource::Written::kGlob, "/etc/*").find("tasks.glob"),
            std::string::npos);
}

TEST_F(SentItemsTest, RelativePathsMeanNothing) {
  const auto error = [&](const std::string& type, const std::string& with) {
    Job job;
    job.type = type;
    job.with = with;
    const auto resolved = ResolveSentItems(job, {});
    return resolved.ok() ? "ok " + resolved->job.with
                         : std::string(resolved.status().message());
  };
  EXPECT_EQ(error("command", R"({"cwd":"/tmp"})"), R"(ok {"cwd":"/tmp"})");
  EXPECT_NE(error("command", R"({"cwd":"sub"})").find("with.cwd: 'sub'"),
            std::string::npos);
  EXPECT_EQ(error("python", "{}"), R"(ok {"path":[]})");
  EXPECT_EQ(error("python", R"({"python":"python3"})"),
            R"(ok {"path":[],"python":"python3"})");
  EXPECT_NE(error("python", R"({"path":["/a","b"]})").find("with.path: 'b'"),
            std::string::npos);
  EXPECT_NE(error("python", R"({"python":"./p"})").find("with.python: './p'"),
            std::string::npos);
}

}  // namespace
}  // namespace remuda
