#include "agent/core/job_definitions.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

JobDefinition Definition(uint64_t id, const std::string& name = "n") {
  Job job;
  job.name = name;
  job.type = "noop";
  return {.job = {id}, .job_json = JobToJson(job)};
}

TEST(JobDefinitionsTest, AJobIsParsedOnceAndShared) {
  JobDefinitions definitions;
  definitions.Define(Definition(1));
  definitions.Define(Definition(1));
  const auto first = definitions.Find({1});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ((*first)->id, JobId{1});
  EXPECT_EQ((*first)->job.type, "noop");
  EXPECT_EQ(first->get(), definitions.Find({1})->get());
}

TEST(JobDefinitionsTest, JobsOfOneTextMeanTheSameAndAreTheirOwn) {
  JobDefinitions definitions;
  definitions.Define(Definition(1));
  definitions.Define(Definition(2));
  definitions.Define(Definition(3, "other"));
  EXPECT_EQ((*definitions.Find({2}))->id, JobId{2});
  EXPECT_EQ((*definitions.Find({2}))->job, (*definitions.Find({1}))->job);
  EXPECT_EQ(definitions.KeyOf({2}), definitions.KeyOf({1}));
  EXPECT_EQ((*definitions.Find({3}))->job.name, "other");
}

TEST(JobDefinitionsTest, MoreTextsThanAreKeptAndLongOnesAreUnderstood) {
  JobDefinitions definitions;
  Job longer;
  longer.name = "longer";
  longer.type = "noop";
  longer.with =
      "{\"x\":\"" + std::string(JobDefinitions::kTextBytesMax, 'x') + "\"}";
  for (int round = 0; round < 2; ++round) {
    for (uint64_t id = 0; id <= JobDefinitions::kTextsMax; ++id) {
      const std::string name = id == 0 ? longer.name : std::to_string(id);
      const JobId job{id + 1000 * static_cast<uint64_t>(round)};
      definitions.Define(
          id == 0 ? JobDefinition{.job = job, .job_json = JobToJson(longer)}
                  : Definition(job.value, name));
      ASSERT_TRUE(definitions.Find(job).ok()) << name;
      EXPECT_EQ((*definitions.Find(job))->job.name, name);
    }
  }
}

TEST(JobDefinitionsTest, AnUnknownJobIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(JobDefinitions().Find({1}).status()));
}

TEST(JobDefinitionsTest, WhatCannotBeUnderstoodKeepsItsReason) {
  JobDefinitions definitions;
  definitions.Define({.job = {1}, .job_json = "{"});
  const absl::Status status = definitions.Find({1}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(std::string(status.message()).find("this agent cannot run"), 0u);
  definitions.Define(Definition(1));
  EXPECT_TRUE(definitions.Find({1}).ok());
}

TEST(JobDefinitionsTest, TheOldestUnneededMakeRoom) {
  JobDefinitions definitions(2);
  for (uint64_t id = 1; id <= 4; ++id) definitions.Define(Definition(id));
  definitions.Trim([](JobId job) { return job.value == 1; });
  EXPECT_EQ(definitions.size(), 2u);
  EXPECT_TRUE(definitions.Find({1}).ok());
  EXPECT_FALSE(definitions.Find({3}).ok());
  EXPECT_TRUE(definitions.Find({4}).ok());
}

}  // namespace
}  // namespace remuda
