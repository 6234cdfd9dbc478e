#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "jobs/item_files.h"
#include "jobs/parameters.h"
#include "jobs/spec.h"

namespace remuda {
namespace {

constexpr const char* kFolder = "jobs/examples";

std::vector<std::string> Examples() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem().string());
    }
  }
  return names;
}

class ExampleTest : public testing::TestWithParam<std::string> {};

TEST_P(ExampleTest, CanBeSubmittedAsItStands) {
  const std::string path = std::string(kFolder) + "/" + GetParam() + ".yaml";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const SpecResult result = ParseSpec(text.str(), path);
  for (const SpecError& error : result.errors) {
    ADD_FAILURE() << ToText(error);
  }
  ASSERT_FALSE(result.jobs.empty());
  for (const Job& job : result.jobs) {
    const auto resolved = ResolveItems(job, kFolder);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    const auto parameters = ParameterTemplate::Parse(resolved->job.with);
    ASSERT_TRUE(parameters.ok()) << parameters.status();
    const TaskSource& tasks = resolved->job.tasks;
    const std::string item =
        IsComputed(tasks)
            ? ComputedItem(tasks, TaskCount(tasks) - 1)
            : std::string(ItemsOfChunk(resolved->items.bytes(), 0, 1).at(0));
    EXPECT_TRUE(parameters->Render(item, 0).ok());
  }
}

TEST_P(ExampleTest, BeginsWithTwoLinesOfWhatItTeaches) {
  std::ifstream file(std::string(kFolder) + "/" + GetParam() + ".yaml");
  std::string first;
  std::string second;
  std::getline(file, first);
  std::getline(file, second);
  EXPECT_TRUE(first.starts_with("# ")) << first;
  EXPECT_TRUE(second.starts_with("# Teaches: ")) << second;
}

INSTANTIATE_TEST_SUITE_P(All, ExampleTest, testing::ValuesIn(Examples()),
                         [](const auto& example) { return example.param; });

}  // namespace
}  // namespace remuda
