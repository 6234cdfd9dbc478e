#include "coordinator/server/item_staging.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};

UploadItems Piece(const std::string& key, uint64_t offset,
                  const std::string& bytes, uint32_t document = 0) {
  return {.key = key, .document = document, .offset = offset, .bytes = bytes};
}

TEST(ItemStagingTest, PiecesAddUpAndRepeatsDoNoHarm) {
  ItemStaging staging;
  EXPECT_EQ(*staging.Add(Piece("k", 0, "1\n2\n"), kStart), 4u);
  EXPECT_EQ(*staging.Add(Piece("k", 0, "1\n2\n"), kStart), 4u);
  EXPECT_EQ(*staging.Add(Piece("k", 2, "2\n3\n"), kStart), 6u);
  EXPECT_EQ(*staging.Add(Piece("k", 99, "x"), kStart), 6u) << "a gap";
  EXPECT_EQ(*staging.Add(Piece("k", 0, "9\n", 1), kStart), 2u);
  const StagedLists lists = staging.Submit("k", kStart);
  ASSERT_EQ(lists.size(), 2u);
  EXPECT_EQ(*lists.at(0), "1\n2\n3\n");
  EXPECT_EQ(*lists.at(1), "9\n");
  EXPECT_EQ(staging.bytes(), 8u);
}

TEST(ItemStagingTest, WhatWasSubmittedDoesNotChange) {
  ItemStaging staging;
  ASSERT_TRUE(staging.Add(Piece("k", 0, "1\n", 1), kStart).ok());
  const StagedLists lists = staging.Submit("k", kStart);
  EXPECT_EQ(*staging.Add(Piece("k", 0, "1\n", 1), kStart), 2u);
  // After a restart in the middle of an upload the rest comes later.
  EXPECT_EQ(*staging.Add(Piece("k", 0, "0\n", 0), kStart), 2u);
  EXPECT_EQ(*staging.Add(Piece("k", 2, "2\n", 1), kStart), 4u);
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(*lists.at(1), "1\n");
  const StagedLists again = staging.Submit("k", kStart);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(*again.at(1), "1\n2\n");
}

TEST(ItemStagingTest, IdleUploadsAreDropped) {
  ItemStaging staging;
  ASSERT_TRUE(staging.Add(Piece("old", 0, "1\n"), kStart).ok());
  const MonotonicTime later = kStart + std::chrono::seconds(30);
  ASSERT_TRUE(staging.Add(Piece("new", 0, "1\n"), later).ok());
  EXPECT_EQ(staging.next_time(), kStart + ItemStaging::kIdleMax);
  staging.DropIdle(kStart + ItemStaging::kIdleMax);
  EXPECT_TRUE(staging.Submit("old", later).empty());
  EXPECT_EQ(staging.Submit("new", later).size(), 1u);
  EXPECT_EQ(staging.bytes(), 2u);
}

TEST(ItemStagingTest, ASubmissionIsBounded) {
  ItemStaging staging;
  const std::string piece(UploadItems::kBytesMax, 'x');
  uint64_t offset = 0;
  absl::StatusOr<uint64_t> bytes = 0u;
  while (bytes.ok() && offset <= ItemStaging::kSubmissionBytesMax) {
    bytes = staging.Add(Piece("k", offset, piece), kStart);
    if (bytes.ok()) offset = *bytes;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(bytes.status())) << bytes.status();
  EXPECT_EQ(offset, ItemStaging::kSubmissionBytesMax);
}

TEST(ItemStagingTest, AllTogetherAreBoundedAndSubmittedOnesGoFirst) {
  ItemStaging staging;
  const std::string large(ItemStaging::kSubmissionBytesMax, 'x');
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(staging.Add(Piece(key, 0, large), kStart).ok());
  }
  EXPECT_TRUE(
      absl::IsUnavailable(staging.Add(Piece("e", 0, "1\n"), kStart).status()));
  EXPECT_EQ(staging.Submit("b", kStart).size(), 1u);
  EXPECT_TRUE(staging.Add(Piece("e", 0, "1\n"), kStart).ok());
  EXPECT_TRUE(staging.Submit("b", kStart).empty());
  EXPECT_EQ(staging.Submit("a", kStart).size(), 1u);
}

TEST(ItemStagingTest, HostileKeysAreRefused) {
  ItemStaging staging;
  EXPECT_TRUE(absl::IsInvalidArgument(
      staging.Add(Piece("", 0, "1\n"), kStart).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      staging.Add(Piece(std::string(200, 'k'), 0, "1\n"), kStart).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      staging.Add(Piece("k", 0, "1\n", 64), kStart).status()));
  EXPECT_EQ(*staging.Add(Piece("k", UINT64_MAX, "1\n"), kStart), 0u);
}

TEST(ItemStagingTest, TheNumberOfUploadsIsBounded) {
  ItemStaging staging;
  for (size_t i = 0; i < ItemStaging::kSubmissionsMax; ++i) {
    ASSERT_TRUE(
        staging.Add(Piece("key-" + std::to_string(i), 0, "1\n"), kStart).ok());
  }
  EXPECT_TRUE(absl::IsUnavailable(
      staging.Add(Piece("one more", 0, "1\n"), kStart).status()));
}

}  // namespace
}  // namespace remuda
