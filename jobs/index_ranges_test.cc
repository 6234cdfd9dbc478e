#include "jobs/index_ranges.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.h"

namespace remuda {
namespace {

using Ranges = std::vector<IndexRange>;

Ranges All(const IndexRanges& set) {
  Ranges all;
  for (const IndexRange range : set.ranges()) all.push_back(range);
  return all;
}

TEST(IndexRangesTest, StartsEmpty) {
  const IndexRanges set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.size(), 0u);
  EXPECT_FALSE(set.Contains(0));
  EXPECT_EQ(All(set), Ranges{});
}

TEST(IndexRangesTest, JoinsWhatOverlapsOrTouches) {
  IndexRanges set({.first = 10, .count = 5});
  set.Add({.first = 20, .count = 5});
  EXPECT_EQ(set.range_count(), 2u);
  set.Add({.first = 15, .count = 5});
  EXPECT_EQ(All(set), (Ranges{{10, 15}}));
  set.Add({.first = 12, .count = 2});
  EXPECT_EQ(set.size(), 15u);
  set.Add({.first = 0, .count = 100});
  EXPECT_EQ(All(set), (Ranges{{0, 100}}));
}

TEST(IndexRangesTest, RemovesFromTheMiddleAndAcross) {
  IndexRanges set({.first = 0, .count = 10});
  set.Remove({.first = 3, .count = 2});
  EXPECT_EQ(All(set), (Ranges{{0, 3}, {5, 5}}));
  set.Add({.first = 20, .count = 10});
  set.Remove({.first = 8, .count = 15});
  EXPECT_EQ(All(set), (Ranges{{0, 3}, {5, 3}, {23, 7}}));
  set.Remove({.first = 100, .count = 5});
  EXPECT_EQ(set.size(), 13u);
  set.Remove({.first = 0, .count = 1000});
  EXPECT_TRUE(set.empty());
}

TEST(IndexRangesTest, TakesTheLowest) {
  IndexRanges set({.first = 5, .count = 3});
  set.Add({.first = 10, .count = 10});
  EXPECT_EQ(set.TakeFirst(0), Ranges{});
  EXPECT_EQ(set.TakeFirst(2), (Ranges{{5, 2}}));
  EXPECT_EQ(set.TakeFirst(4), (Ranges{{7, 1}, {10, 3}}));
  EXPECT_EQ(set.size(), 7u);
  EXPECT_EQ(set.TakeFirst(UINT64_MAX), (Ranges{{13, 7}}));
  EXPECT_EQ(set.TakeFirst(1), Ranges{});
}

TEST(IndexRangesTest, EmptyRangesChangeNothing) {
  IndexRanges set;
  set.Add({.first = 4, .count = 0});
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.range_count(), 0u);
  set.Add({.first = 0, .count = 10});
  set.Remove({.first = 4, .count = 0});
  EXPECT_EQ(set.range_count(), 1u);
  EXPECT_TRUE(set.ContainsAll({.first = 50, .count = 0}));
  EXPECT_EQ(set.Intersect({.first = 5, .count = 0}), Ranges{});
}

TEST(IndexRangesTest, ReachesTheHighestIndex) {
  IndexRanges set({.first = 0, .count = UINT64_MAX});
  EXPECT_TRUE(set.Contains(UINT64_MAX - 1));
  EXPECT_FALSE(set.Contains(UINT64_MAX));
  set.Remove({.first = UINT64_MAX - 1, .count = 1});
  EXPECT_FALSE(set.Contains(UINT64_MAX - 1));
}

TEST(IndexRangesDeathTest, PastTheHighestIndexIsAnError) {
  IndexRanges set;
  EXPECT_DEATH(set.Add({.first = 2, .count = UINT64_MAX - 1}), "CHECK failed");
}

TEST(IndexRangesTest, EqualWhateverTheOrder) {
  IndexRanges a;
  a.Add({.first = 0, .count = 5});
  a.Add({.first = 5, .count = 5});
  IndexRanges b({.first = 0, .count = 10});
  EXPECT_EQ(a, b);
  b.Remove({.first = 9, .count = 1});
  EXPECT_FALSE(a == b);
  b.Clear();
  EXPECT_EQ(b, IndexRanges());
}

// What the set should be, one index at a time.
class Model {
 public:
  void Add(IndexRange range) {
    for (uint64_t i = 0; i < range.count; ++i) set_.insert(range.first + i);
  }
  void Remove(IndexRange range) {
    for (uint64_t i = 0; i < range.count; ++i) set_.erase(range.first + i);
  }
  Ranges Within(IndexRange range) const {
    Ranges result;
    for (uint64_t i = range.first; i < range.first + range.count; ++i) {
      if (!set_.contains(i)) continue;
      if (!result.empty() && result.back().first + result.back().count == i) {
        ++result.back().count;
      } else {
        result.push_back({.first = i, .count = 1});
      }
    }
    return result;
  }
  bool Contains(uint64_t i) const { return set_.contains(i); }
  size_t size() const { return set_.size(); }

 private:
  std::set<uint64_t> set_;
};

TEST(IndexRangesTest, AgreesWithAPlainSet) {
  constexpr IndexRange kAll = {.first = 0, .count = 80};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    IndexRanges set;
    Model model;
    for (int step = 0; step < 100; ++step) {
      const IndexRange range = {.first = random.Below(60),
                                .count = random.Below(15)};
      switch (random.Below(5)) {
        case 0:
        case 1:
          set.Add(range);
          model.Add(range);
          break;
        case 2:
        case 3:
          set.Remove(range);
          model.Remove(range);
          break;
        default:
          for (const IndexRange taken : set.TakeFirst(range.count / 4)) {
            EXPECT_EQ(model.Within(taken), Ranges{taken});
            EXPECT_EQ(model.Within(kAll).front().first, taken.first);
            model.Remove(taken);
          }
      }
      ASSERT_EQ(All(set), model.Within(kAll));
      ASSERT_EQ(set.size(), model.size());
      ASSERT_EQ(set.Intersect(range), model.Within(range));
      ASSERT_EQ(set.Contains(range.first), model.Contains(range.first));
      ASSERT_EQ(set.ContainsAll(range),
                range.count == 0 || model.Within(range) == Ranges{range});
    }
  }
}

}  // namespace
}  // namespace remuda
