#include "base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace remuda {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFdTest, ClosesWhatItOwns) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  const int fd = pipe->first.get();
  {
    UniqueFd moved = std::move(pipe->first);
    EXPECT_FALSE(pipe->first.valid());
    EXPECT_EQ(moved.get(), fd);
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(UniqueFdTest, ReleaseGivesItAway) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  const int fd = pipe->second.Release();
  pipe->second.Reset();
  EXPECT_TRUE(IsOpen(fd));
  const UniqueFd again(fd);
}

TEST(UniqueFdTest, AssignmentClosesTheOldOne) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  const int old = pipe->first.get();
  const int kept = pipe->second.get();
  pipe->first = std::move(pipe->second);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_EQ(pipe->first.get(), kept);
}

TEST(UniqueFdDeathTest, ClosingTwiceIsAnError) {
  EXPECT_DEATH(
      {
        UniqueFd owner(dup(0));
        close(owner.get());
      },
      "CHECK failed");
}

TEST(FileDescriptorTest, PairsAreJoinedAndNotInherited) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  absl::StatusOr<FdPair> sockets = MakeSocketPair();
  ASSERT_TRUE(pipe.ok());
  ASSERT_TRUE(sockets.ok());
  for (const FdPair* pair : {&*pipe, &*sockets}) {
    ASSERT_EQ(write(pair->second.get(), "x", 1), 1);
    char got = 0;
    EXPECT_EQ(read(pair->first.get(), &got, 1), 1);
    EXPECT_EQ(got, 'x');
    EXPECT_EQ(fcntl(pair->first.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(fcntl(pair->second.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
}

TEST(FileDescriptorTest, SetsFlags) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  const int fd = pipe->first.get();
  EXPECT_TRUE(SetCloseOnExec(fd, false).ok());
  EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(SetCloseOnExec(fd, true).ok());
  EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_TRUE(SetNonBlocking(fd).ok());
  char got;
  EXPECT_EQ(read(fd, &got, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(SetNonBlocking(-1).ok());
  EXPECT_FALSE(SetCloseOnExec(-1, true).ok());
}

TEST(FileDescriptorTest, ErrnoKeepsTheReason) {
  const absl::Status status = ErrnoStatus(ENOENT, "open urls.txt");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.ToString(),
            "NOT_FOUND: open urls.txt: No such file or directory");
}

}  // namespace
}  // namespace remuda
