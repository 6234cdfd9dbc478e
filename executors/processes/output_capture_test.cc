#include "executors/processes/output_capture.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace remuda {
namespace {

std::string Folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(folder);
  return folder;
}

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(OutputCaptureTest, KeepsShortOutputWhole) {
  OutputCapture capture(Folder("short"), "stdout");
  std::string all;
  for (int i = 0; i < 8; ++i) {
    const std::string piece(8192, static_cast<char>('a' + i));
    capture.Add(piece);
    all += piece;
  }
  EXPECT_FALSE(capture.truncated());
  EXPECT_FALSE(capture.has_file());
  EXPECT_EQ(capture.Text(), all);
}

TEST(OutputCaptureTest, LongOutputGoesToAFile) {
  const std::string folder = Folder("long");
  OutputCapture capture(folder, "stdout");
  std::string all;
  for (int i = 0; i < 100'000; ++i) all += std::to_string(i) + "\n";
  for (size_t at = 0; at < all.size(); at += 1000) {
    capture.Add(std::string_view(all).substr(at, 1000));
  }
  EXPECT_TRUE(capture.truncated());
  ASSERT_TRUE(capture.has_file());
  EXPECT_EQ(Content(folder + "/stdout"), all);
  const std::string text = capture.Text();
  EXPECT_LT(text.size(), 66000u);
  EXPECT_EQ(text.substr(0, 8), "0\n1\n2\n3\n");
  EXPECT_EQ(text.substr(text.size() - 12), "99998\n99999\n");
  const uint64_t missing = all.size() - (32u << 10) * 2;
  EXPECT_NE(
      text.find("\n[... " + std::to_string(missing) + " bytes left out ...]\n"),
      std::string::npos);
}

TEST(OutputCaptureTest, TheFileHasALimit) {
  const std::string folder = Folder("limit");
  OutputCapture capture(folder, "stderr");
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) capture.Add(piece);
  EXPECT_EQ(capture.bytes(), uint64_t{20} << 20);
  EXPECT_EQ(std::filesystem::file_size(folder + "/stderr"),
            OutputCapture::kFileBytesMax);
  EXPECT_TRUE(capture.has_file());
}

TEST(OutputCaptureTest, AFileThatCannotBeWrittenIsSaid) {
  // A file where the folder should be, as good as a full disk.
  const std::string folder = Folder("no_folder");
  std::filesystem::remove_all(folder);
  std::ofstream(folder).put('x');
  OutputCapture capture(folder, "stdout");
  capture.Add(std::string(200'000, 'x'));
  capture.Add(std::string(200'000, 'y'));
  EXPECT_EQ(capture.file_error(), ENOTDIR);
  EXPECT_FALSE(capture.has_file());
  EXPECT_NE(capture.Text().find("bytes left out, and not kept by the agent: "
                                "Not a directory ...]\n"),
            std::string::npos);
}

TEST(OutputCaptureTest, ACutCharacterDoesNotMakeTextBinary) {
  OutputCapture capture(Folder("cut"), "stdout");
  std::string all = "x";
  while (all.size() < 200'000) all += "\u20ac";
  capture.Add(all);
  EXPECT_EQ(BytesAsJson(capture.Text()).front(), '"');
}

TEST(BytesAsJsonTest, TextIsTextAndBytesAreBase64) {
  EXPECT_EQ(BytesAsJson("a\"\n"), "\"a\\\"\\n\"");
  EXPECT_EQ(BytesAsJson("\xff"), "{\"base64\":\"/w==\"}");
  EXPECT_EQ(BytesAsJson("\xff\xfe"), "{\"base64\":\"//4=\"}");
  EXPECT_EQ(BytesAsJson("\xff\xfe\xfd"), "{\"base64\":\"//79\"}");
}

TEST(BytesAsJsonTest, WhatEscapesMakeLongIsNotText) {
  EXPECT_EQ(BytesAsJson(std::string("a\0b", 3)), "\"a\\u0000b\"");
  const std::string zeros(size_t{64} << 10, '\0');
  const std::string json = BytesAsJson(zeros);
  EXPECT_EQ(json.rfind("{\"base64\":\"AAAA", 0), 0u);
  EXPECT_LT(json.size(), zeros.size() * 4 / 3 + 64);
}

}  // namespace
}  // namespace remuda
