#include "coordinator/server/key_ring.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "base/event_loop.h"
#include "wire/key_maker.h"

namespace remuda {
namespace {

class KeyRingTest : public testing::Test {
 protected:
  KeyRingTest() : loop_(clock_) {
    std::string pattern = testing::TempDir() + "/ring_XXXXXX";
    root_ = mkdtemp(pattern.data());
    folder_ = root_ + "/keys";
    auto made = MakeKeys(
        folder_, {{.identity = {.role = Role::kAgent, .name = "a1"}},
                  {.identity = {.role = Role::kOperator, .name = "op"}}});
    CHECK_OK(made);
  }
  ~KeyRingTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<KeyRing> Open() {
    auto ring = KeyRing::Open(folder_, context_, clock_);
    CHECK_OK(ring);
    return *std::move(ring);
  }

  std::unique_ptr<RouterSocket> Listen(const KeyRing* ring) {
    RouterOptions options = {.endpoint = "tcp://127.0.0.1:0"};
    if (ring != nullptr) options.keys.emplace(ring->keys());
    auto socket = RouterSocket::Bind(options, context_, loop_,
                                     [](WirePeer, std::string_view) {});
    CHECK_OK(socket);
    return *std::move(socket);
  }

  SystemClock clock_;
  WireContext context_;
  EventLoop loop_;
  std::string root_;
  std::string folder_;
};

TEST_F(KeyRingTest, ProvesTheDoorClosed) {
  const auto ring = Open();
  const auto closed = Listen(ring.get());
  const absl::Status proved = ring->ProveClosed(closed->endpoint());
  EXPECT_TRUE(proved.ok()) << proved;
  EXPECT_EQ(ring->numbers().probes, 1u);
  EXPECT_EQ(ring->numbers().admissions, 0u);
  EXPECT_EQ(ring->numbers().entries, 2u);
  ring->StopProving();
}

TEST_F(KeyRingTest, SeesThatADoorIsOpen) {
  const auto ring = Open();
  const auto open = Listen(nullptr);
  const absl::Status proved = ring->ProveClosed(open->endpoint());
  EXPECT_TRUE(absl::IsFailedPrecondition(proved)) << proved;
}

TEST_F(KeyRingTest, ReadsAllOrNothing) {
  const auto ring = Open();
  std::filesystem::remove(folder_ + "/allowed/a1.json");
  std::ofstream(folder_ + "/allowed/new.json") << "{";
  const absl::Status broken = ring->Reload();
  EXPECT_FALSE(broken.ok());
  EXPECT_NE(std::string(broken.message()).find("new.json"), std::string::npos);
  EXPECT_EQ(ring->numbers().entries, 2u);
  EXPECT_EQ(ring->numbers().reloads_failed, 1u);
  std::filesystem::remove(folder_ + "/allowed/new.json");
  EXPECT_TRUE(ring->Reload().ok());
  EXPECT_EQ(ring->numbers().entries, 1u);
}

}  // namespace
}  // namespace remuda
