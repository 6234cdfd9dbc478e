#include "agent/core/findings_book.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Finding Blocked(uint64_t task, Duration duration) {
  return {.job = JobId{1},
          .task = task,
          .code = "loop_blocked",
          .text = "time.sleep blocks the event loop",
          .function = "work",
          .file = "/a.py",
          .line = 3,
          .duration = duration};
}

MonotonicTime At(Duration time) { return MonotonicTime(time); }

TEST(FindingsBookTest, OnePlaceIsOneEntryWithItsSightings) {
  FindingsBook book;
  EXPECT_FALSE(book.next_time().has_value());
  EXPECT_TRUE(book.Add(Blocked(0, milliseconds(250))).is_new);
  const FindingsBook::Added again = book.Add(Blocked(1, milliseconds(300)));
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.sightings, 1u);
  const auto told = book.TakeDue(At(seconds(5)), {});
  ASSERT_TRUE(told.has_value());
  ASSERT_EQ(told->items.size(), 1u);
  EXPECT_EQ(told->items[0].job, JobId{1});
  EXPECT_EQ(told->items[0].finding.count, 2u);
  EXPECT_EQ(told->items[0].finding.longest, milliseconds(300));
  EXPECT_EQ(told->items[0].finding.task, 0u);
  EXPECT_FALSE(book.next_time().has_value());
}

TEST(FindingsBookTest, ASightingThatGoesOnIsOne) {
  FindingsBook book;
  EXPECT_EQ(book.Add(Blocked(0, milliseconds(250))).sightings, 1u);
  EXPECT_EQ(book.Add(Blocked(0, milliseconds(1250))).sightings, 0u);
  EXPECT_EQ(book.Add(Blocked(0, milliseconds(250))).sightings, 1u);
  EXPECT_EQ(book.Add(Blocked(2, milliseconds(900))).sightings, 1u);
  const auto told = book.TakeDue(At(seconds(5)), {});
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->items[0].finding.count, 3u);
  EXPECT_EQ(told->items[0].finding.longest, milliseconds(1250));

  book.Add(Blocked(2, milliseconds(1900)));
  const auto later = book.TakeDue(At(seconds(6)), {});
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->items[0].finding.count, 0u);
  EXPECT_EQ(later->items[0].finding.longest, milliseconds(1900));
}

TEST(FindingsBookTest, MessagesKeepTheirDistanceUnlessTheJobEnds) {
  FindingsBook book;
  book.Add(Blocked(0, milliseconds(250)));
  EXPECT_TRUE(book.TakeDue(At(seconds(5)), {}).has_value());
  book.Add(Blocked(1, milliseconds(250)));
  EXPECT_FALSE(book.TakeDue(At(milliseconds(5'999)), {}).has_value());
  EXPECT_FALSE(book.TakeDue(At(milliseconds(5'999)), {JobId{2}}).has_value());
  EXPECT_EQ(book.next_time(), At(seconds(6)));
  EXPECT_TRUE(book.TakeDue(At(milliseconds(5'999)), {JobId{1}}).has_value());
  EXPECT_FALSE(book.TakeDue(At(seconds(9)), {}).has_value());
}

TEST(FindingsBookTest, HoldsSoManyAndTellsSoManyAtOnce) {
  FindingsBook book;
  Finding finding = Blocked(0, milliseconds(250));
  for (size_t i = 0; i < FindingsBook::kEntriesMax; ++i) {
    finding.line = i + 1;
    EXPECT_TRUE(book.Add(finding).is_new);
  }
  finding.line = 9'999;
  const FindingsBook::Added dropped = book.Add(finding);
  EXPECT_FALSE(dropped.is_new);
  EXPECT_EQ(dropped.sightings, 0u);
  size_t told = 0;
  for (int i = 0; i < 100; ++i) {
    const auto findings = book.TakeDue(At(seconds(i)), {});
    if (!findings.has_value()) break;
    EXPECT_LE(findings->items.size(), Findings::kItemsMax);
    told += findings->items.size();
  }
  EXPECT_EQ(told, FindingsBook::kEntriesMax);
  // What was told makes room.
  EXPECT_TRUE(book.Add(finding).is_new);
}

Finding HowFar(TaskIndex task, double fraction) {
  Finding told;
  told.job = JobId{1};
  told.task = task;
  told.text = "reading";
  told.progress = fraction;
  return told;
}

TEST(FindingsBookTest, TheNewestWordOfEachTaskIsTold) {
  FindingsBook book;
  for (const double fraction : {0.1, 0.2, 7.0}) {
    book.AddProgress(HowFar(4, fraction));
  }
  book.AddProgress(HowFar(5, 0.5));
  book.AddProgress(HowFar(6, 0.5));
  book.ForgetProgress(JobId{1}, 6);
  const auto told = book.TakeDue(At(seconds(5)), {});
  ASSERT_TRUE(told.has_value());
  EXPECT_TRUE(told->items.empty());
  ASSERT_EQ(told->progress.size(), 2u);
  EXPECT_EQ(told->progress[0].task.fraction, 1.0);
  EXPECT_EQ(told->progress[1].task,
            (TaskProgress{.task = 5, .fraction = 0.5, .text = "reading"}));
  EXPECT_FALSE(book.next_time().has_value());

  book.AddProgress(HowFar(5, 0.6));
  EXPECT_FALSE(book.TakeDue(At(milliseconds(5'500)), {JobId{1}}).has_value());
  EXPECT_EQ(book.next_time(), At(seconds(6)));
  EXPECT_TRUE(book.TakeDue(At(seconds(6)), {}).has_value());
}

TEST(FindingsBookTest, ProgressIsBounded) {
  FindingsBook book;
  for (TaskIndex task = 0; task < 10'000; ++task) {
    Finding told = HowFar(task, 0.5);
    told.text = std::string(5'000, 'x');
    book.AddProgress(told);
  }
  const auto told = book.TakeDue(At(seconds(5)), {});
  ASSERT_TRUE(told.has_value());
  ASSERT_EQ(told->progress.size(), Findings::kProgressMax);
  EXPECT_EQ(told->progress[0].task.text.size(), TaskProgress::kTextBytesMax);
}

}  // namespace
}  // namespace remuda
