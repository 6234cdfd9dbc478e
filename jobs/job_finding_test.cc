#include "jobs/job_finding.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::milliseconds;

const JobFinding kSleep = {.code = "loop_blocked",
                           .text = "time.sleep blocks the event loop",
                           .function = "work",
                           .file = "/a/b.py",
                           .line = 12,
                           .task = 7,
                           .longest = milliseconds(1'960)};

TEST(JobFindingTest, TheSamePlaceIsTheSameFinding) {
  JobFinding other = kSleep;
  other.task = 9;
  other.text = "in other words";
  EXPECT_TRUE(IsSame(kSleep, other));
  other.line = 13;
  EXPECT_FALSE(IsSame(kSleep, other));
}

TEST(JobFindingTest, SightingsAddUp) {
  JobFinding known = kSleep;
  Merge({.count = 3, .longest = milliseconds(500)}, known);
  EXPECT_EQ(known.count, 4u);
  EXPECT_EQ(known.longest, kSleep.longest);
  EXPECT_EQ(known.task, 7u);
  Merge({.count = UINT64_MAX}, known);
  EXPECT_EQ(known.count, UINT64_MAX);
}

TEST(JobFindingTest, ReadsAsASentence) {
  JobFinding finding = kSleep;
  EXPECT_EQ(ToText(finding),
            "time.sleep blocks the event loop (work, /a/b.py:12), 2.0 s at "
            "most");
  finding.count = 12;
  EXPECT_EQ(ToText(finding),
            "time.sleep blocks the event loop (work, /a/b.py:12), seen 12 "
            "times, 2.0 s at most");
  EXPECT_EQ(ToText({.code = "gil_enabled"}), "gil_enabled");
}

TEST(JobFindingTest, WhatIsTooLongIsCut) {
  JobFinding finding = {.code = "Not A Code",
                        .text = std::string(600, 'x') + "\xC3\xA9",
                        .function = std::string(127, 'f') + "\xC3\xA9",
                        .file = "/far/away" + std::string(256, 'p')};
  EXPECT_FALSE(IsWithinLimits(finding));
  finding = Clipped(finding);
  EXPECT_TRUE(IsWithinLimits(finding));
  EXPECT_EQ(finding.code, "other");
  EXPECT_EQ(finding.text.size(), JobFinding::kTextBytesMax);
  EXPECT_EQ(finding.function, std::string(127, 'f'));
  EXPECT_EQ(finding.file, std::string(256, 'p'));
  EXPECT_EQ(Clipped(kSleep), kSleep);
}

}  // namespace
}  // namespace remuda
