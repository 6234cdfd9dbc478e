#include "base/descriptor_watches.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

namespace remuda {
namespace {

using Side = DescriptorWatches::Side;

class DescriptorWatchesTest : public testing::Test {
 protected:
  DescriptorWatchesTest() : sockets_(std::move(*MakeSocketPair())) {}

  int ours() const { return sockets_->first.get(); }
  void Send() { ASSERT_EQ(write(sockets_->second.get(), "x", 1), 1); }

  // One turn without waiting; the number of descriptors found ready.
  size_t Turn() {
    std::vector<DescriptorWatches::Ready> ready;
    watches_.Wait(Duration::zero(), 16, ready);
    for (const DescriptorWatches::Ready& one : ready) watches_.Run(one);
    watches_.ForgetRemoved();
    return ready.size();
  }

  std::optional<FdPair> sockets_;
  DescriptorWatches watches_;
};

TEST_F(DescriptorWatchesTest, RunsForAsLongAsThereIsSomethingToRead) {
  int ran = 0;
  watches_.Watch(ours(), Side::kReadable, [&] { ++ran; });
  EXPECT_EQ(Turn(), 0u);
  Send();
  Turn();
  Turn();
  EXPECT_EQ(ran, 2);
  char got;
  ASSERT_EQ(read(ours(), &got, 1), 1);
  Turn();
  EXPECT_EQ(ran, 2);
}

TEST_F(DescriptorWatchesTest, SidesComeAndGoApart) {
  int reads = 0;
  int writes = 0;
  watches_.Watch(ours(), Side::kReadable, [&] { ++reads; });
  watches_.Watch(ours(), Side::kWritable, [&] { ++writes; });
  Turn();
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(writes, 1);
  watches_.Unwatch(ours(), Side::kWritable);
  watches_.Unwatch(ours(), Side::kWritable);
  Send();
  Turn();
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(writes, 1);
  watches_.Unwatch(ours(), Side::kReadable);
  EXPECT_EQ(Turn(), 0u);
}

TEST_F(DescriptorWatchesTest, ABrokenOneIsReadyOnTheSideThatIsWatched) {
  int writes = 0;
  watches_.Watch(ours(), Side::kWritable, [&] { ++writes; });
  sockets_->second.Reset();
  Turn();
  EXPECT_EQ(writes, 1);
}

TEST_F(DescriptorWatchesTest, ATaskMayRemoveItself) {
  auto captured = std::make_shared<int>(0);
  watches_.Watch(ours(), Side::kReadable, [this, captured] {
    watches_.Unwatch(ours(), Side::kReadable);
    ++*captured;  // still there
  });
  Send();
  Turn();
  Turn();
  EXPECT_EQ(*captured, 1);
  EXPECT_EQ(captured.use_count(), 1) << "the task was destroyed";
}

TEST_F(DescriptorWatchesTest, ATaskMayReplaceItself) {
  int second = 0;
  watches_.Watch(ours(), Side::kReadable, [&] {
    watches_.Watch(ours(), Side::kReadable, [&] { ++second; });
  });
  Send();
  Turn();
  EXPECT_EQ(second, 0);
  Turn();
  EXPECT_EQ(second, 1);
}

// The kernel gives the lowest free number to the next descriptor, so what was
// ready before a close must not be taken for its successor.
TEST_F(DescriptorWatchesTest, AReusedNumberIsAnotherDescriptor) {
  std::optional<FdPair> others = std::move(*MakeSocketPair());
  const int fd = others->first.get();
  watches_.Watch(fd, Side::kReadable, [] {});
  ASSERT_EQ(write(others->second.get(), "x", 1), 1);
  std::vector<DescriptorWatches::Ready> ready;
  watches_.Wait(Duration::zero(), 16, ready);
  ASSERT_EQ(ready.size(), 1u);

  watches_.Unwatch(fd, Side::kReadable);
  others.reset();
  const UniqueFd successor(dup(ours()));
  ASSERT_EQ(successor.get(), fd);
  int ran = 0;
  watches_.Watch(fd, Side::kReadable, [&] { ++ran; });
  watches_.Run(ready[0]);
  EXPECT_EQ(ran, 0);
  Send();
  Turn();
  EXPECT_EQ(ran, 1);
  watches_.Unwatch(fd, Side::kReadable);
}

TEST_F(DescriptorWatchesTest, WaitsNoLongerThanAsked) {
  std::vector<DescriptorWatches::Ready> ready;
  watches_.Watch(ours(), Side::kReadable, [] {});
  watches_.Wait(std::chrono::milliseconds(2), 16, ready);
  EXPECT_TRUE(ready.empty());
  Send();
  watches_.Wait(std::chrono::hours(1), 16, ready);
  EXPECT_EQ(ready.size(), 1u);
}

}  // namespace
}  // namespace remuda
