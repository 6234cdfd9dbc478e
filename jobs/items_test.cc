#include "jobs/items.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(ComputedItemTest, OneTaskHasNoItem) {
  EXPECT_EQ(ComputedItem({}, 0), "null");
}

TEST(ComputedItemTest, RangesCountUpAndDown) {
  TaskSource source;
  source.kind = TaskSource::Kind::kRange;
  source.from = 10;
  source.to = -10;
  source.step = -5;
  ASSERT_EQ(TaskCount(source), 5u);
  EXPECT_EQ(ComputedItem(source, 0), "10");
  EXPECT_EQ(ComputedItem(source, 4), "-10");
  source.from = INT64_MIN;
  source.to = INT64_MAX;
  source.step = INT64_MAX;
  ASSERT_EQ(TaskCount(source), 3u);
  EXPECT_EQ(ComputedItem(source, 2), std::to_string(INT64_MAX - 1));
}

TEST(ComputedItemTest, TheLastAxisTurnsFastest) {
  TaskSource source;
  source.kind = TaskSource::Kind::kMatrix;
  source.axes = {{"size", {"1", "2"}}, {"k\"", {"\"a\"", "\"b\"", "null"}}};
  EXPECT_EQ(ComputedItem(source, 0), R"({"size":1,"k\"":"a"})");
  EXPECT_EQ(ComputedItem(source, 2), R"({"size":1,"k\"":null})");
  EXPECT_EQ(ComputedItem(source, 5), R"({"size":2,"k\"":null})");
}

TEST(ComputedItemDeathTest, OutOfRange) {
  EXPECT_DEATH(ComputedItem({}, 1), "");
}

TEST(ItemListTest, SplitsIntoChunksAndBack) {
  ItemList list;
  for (int i = 0; i < 2500; ++i) list.Append(std::to_string(i));
  EXPECT_EQ(list.count(), 2500u);
  const auto chunks = ItemList::SplitIntoChunks(list.bytes());
  ASSERT_TRUE(chunks.ok());
  ASSERT_EQ(chunks->size(), 3u);
  EXPECT_EQ((*chunks)[0] + (*chunks)[1] + (*chunks)[2], list.bytes());
  EXPECT_EQ(ItemsOfChunk((*chunks)[1], 0, 1).at(0), "1024");
  const auto last = ItemsOfChunk((*chunks)[2], 450, 1024);
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last[1], "2499");
  EXPECT_TRUE(ItemsOfChunk((*chunks)[2], 452, 5).empty());
}

TEST(ItemListTest, WholeChunksLeaveNoEmptyOne) {
  ItemList list;
  for (uint64_t i = 0; i < kTasksPerChunk; ++i) list.Append("null");
  EXPECT_EQ(ItemList::SplitIntoChunks(list.bytes())->size(), 1u);
  EXPECT_TRUE(ItemList::SplitIntoChunks("")->empty());
}

TEST(ItemListTest, HostileBytesAreRefused) {
  EXPECT_EQ(ItemList::SplitIntoChunks("1\n2").status().message(),
            "the last item is cut off");
  EXPECT_EQ(ItemList::SplitIntoChunks("1\n\n").status().message(),
            "item 1 is not JSON");
  EXPECT_FALSE(ItemList::SplitIntoChunks("1 2\n").ok());
  EXPECT_FALSE(ItemList::SplitIntoChunks("\"\xff\"\n").ok());
  const std::string long_item =
      "\"" + std::string(ItemList::kItemBytesMax - 1, 'x') + "\"\n";
  EXPECT_EQ(ItemList::SplitIntoChunks(long_item).status().message(),
            "item 0 is over 65536 bytes");
}

}  // namespace
}  // namespace remuda
