#include "workers/native/printed_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "workers/native/task_voice.h"

namespace remuda {
namespace {

// Puts a file in the place of standard output, as the agent does.
class PrintedOutputTest : public testing::Test {
 protected:
  PrintedOutputTest() {
    std::fflush(stdout);
    output_ = UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    errors_ = UniqueFd(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    const UniqueFd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
    dup2(nowhere.get(), STDERR_FILENO);
    Redirect(testing::TempDir() + "/stdout");
  }
  ~PrintedOutputTest() override { Restore(); }

  // From here on a failure can be read.
  void Restore() {
    std::fflush(stdout);
    dup2(output_.get(), STDOUT_FILENO);
    dup2(errors_.get(), STDERR_FILENO);
  }

  static void Redirect(const std::string& path) {
    const UniqueFd file(open(
        path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.valid());
    ASSERT_GE(dup2(file.get(), STDOUT_FILENO), 0);
  }

  static std::vector<std::string> Take(PrintedOutput& printed, uint64_t task) {
    std::vector<std::string> messages;
    printed.Take(
        task, [&](const std::string& message) { messages.push_back(message); });
    return messages;
  }

  UniqueFd output_;
  UniqueFd errors_;
};

TEST_F(PrintedOutputTest, EachTaskHasItsOwn) {
  PrintedOutput printed(testing::TempDir());
  std::fputs("of the \"first\"", stdout);
  const auto first = Take(printed, 1);
  std::fputs("of the second", stdout);
  const auto second = Take(printed, 2);
  const auto third = Take(printed, 3);
  Restore();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0], R"({"type":"log","id":"1","stream":"stdout","bytes":14,)"
                      R"("text":"of the \"first\""})");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(second[0].find("\"of the second\""), std::string::npos);
  EXPECT_TRUE(third.empty());
}

TEST_F(PrintedOutputTest, ATaskThatRedirectsItLosesOnlyItsOwn) {
  PrintedOutput printed(testing::TempDir());
  Redirect(testing::TempDir() + "/elsewhere");
  std::fputs("elsewhere", stdout);
  const auto lost = Take(printed, 1);
  std::fputs("here", stdout);
  const auto kept = Take(printed, 2);
  Restore();
  EXPECT_TRUE(lost.empty());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_NE(kept[0].find("\"here\""), std::string::npos);
}

TEST_F(PrintedOutputTest, MuchGoesIntoAFile) {
  PrintedOutput printed(testing::TempDir());
  const std::string text(TaskVoice::kLogInlineBytesMax + 1, 'x');
  std::fputs(text.c_str(), stdout);
  const auto messages = Take(printed, 1);
  Restore();
  ASSERT_EQ(messages.size(), 1u);
  const size_t at = messages[0].find("\"file\":\"");
  ASSERT_NE(at, std::string::npos);
  const std::string name =
      messages[0].substr(at + 8, messages[0].rfind('"') - at - 8);
  const std::string path = testing::TempDir() + "/" + name;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(lseek(file.get(), 0, SEEK_END), static_cast<off_t>(text.size()));
  unlink(path.c_str());
}

}  // namespace
}  // namespace remuda
