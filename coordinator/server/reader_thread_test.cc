#include "coordinator/server/reader_thread.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "coordinator/store/store.h"

namespace remuda {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

class ReaderThreadTest : public ::testing::Test {
 protected:
  ReaderThreadTest()
      : folder_(
            std::string(::testing::TempDir()) + "/reader_thread_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        loop_(clock_) {
    std::filesystem::remove_all(folder_);
    absl::StatusOr<Store> store = Store::Open({.folder = folder_});
    CHECK_OK(store);
    store_.emplace(*std::move(store));
    absl::StatusOr<StoreReader> reader =
        StoreReader::Open(store_->folder().database_path());
    CHECK_OK(reader);
    thread_ = std::make_unique<ReaderThread>(*std::move(reader), loop_);
  }
  ~ReaderThreadTest() override {
    thread_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Work that ends when Go() was called.
  ReaderThread::Work Waits() {
    return [this](StoreReader&) -> std::function<void()> {
      go_.get_future().wait();
      return [this] { ++answered_; };
    };
  }

  ReaderThread::Work Counts() {
    return [this](StoreReader&) -> std::function<void()> {
      return [this] { ++answered_; };
    };
  }

  void Go(size_t answers) {
    loop_.AddTurnEnd([this, answers] {
      if (answered_ == answers) loop_.Stop();
    });
    go_.set_value();
    loop_.Run();
  }

  const std::string folder_;
  SystemClock clock_;
  EventLoop loop_;
  std::optional<Store> store_;
  std::unique_ptr<ReaderThread> thread_;
  std::promise<void> go_;
  size_t answered_ = 0;
};

TEST_F(ReaderThreadTest, TooManyRequestsAreNotTaken) {
  ASSERT_TRUE(thread_->Ask(Waits()));
  for (size_t i = 1; i < ReaderThread::kWaitingMax; ++i) {
    ASSERT_TRUE(thread_->Ask(Counts())) << i;
  }
  EXPECT_FALSE(thread_->Ask(Counts()));
  Go(ReaderThread::kWaitingMax);
  EXPECT_TRUE(thread_->Ask(Counts()));
}

TEST_F(ReaderThreadTest, NorSuchThatHoldTooMuch) {
  const uint64_t most = ReaderThread::kWaitingBytesMax;
  ASSERT_TRUE(thread_->Ask(Waits(), most + kMebibyte)) << "nothing waits";
  EXPECT_FALSE(thread_->Ask(Counts(), 1));
  Go(1);
  ASSERT_TRUE(thread_->Ask(Counts(), most - kMebibyte));
  EXPECT_FALSE(thread_->Ask(Counts(), kMebibyte + 1));
  EXPECT_TRUE(thread_->Ask(Counts(), kMebibyte));
}

}  // namespace
}  // namespace remuda
