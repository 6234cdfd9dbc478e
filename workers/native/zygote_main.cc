#include "workers/native/zygote_main.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "workers/protocol/zygote_channel.h"

namespace remuda {
namespace {

constexpr std::string_view kMark = "REMUDA_MARK=";
constexpr size_t kMessageBytesMax = size_t{16} << 10;
constexpr int kFirstFree = 5;  // beyond the descriptors that a worker has
constexpr int kSocketMin = 10;

// What the spawner wants forked.
struct Request {
  std::string mark;
  std::string directory;
  // As zygote_channel.h orders them.
  std::array<int, kZygoteDescriptors> given{};
};

// The part of this process's environment, as others see it, that begins with
// the mark.
struct MarkPlace {
  char* begin = nullptr;
  size_t size = 0;
};

size_t EntriesIn(const char* folder) {
  std::error_code error;
  size_t count = 0;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    ++count;
  }
  return count;
}

// Strings of the environment lie one behind the other, as exec has put them.
MarkPlace FindMark() {
  MarkPlace place;
  const char* zygote = nullptr;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with(kMark)) place.begin = *entry;
    if (text.starts_with(kZygoteVariable)) zygote = *entry;
  }
  if (place.begin == nullptr ||
      zygote != place.begin + std::strlen(place.begin) + 1) {
    return {};
  }
  place.size = static_cast<size_t>(zygote - place.begin) + std::strlen(zygote);
  return place;
}

// Returns false when the spawner wants no more.
bool Receive(int socket, Request* request) {
  std::array<char, kMessageBytesMax> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(request->given))> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t count = recvmsg(socket, &header, 0);
  if (count <= 0) return false;
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights == nullptr ||
      rights->cmsg_len != CMSG_LEN(sizeof(request->given))) {
    return false;
  }
  std::memcpy(request->given.data(), CMSG_DATA(rights), sizeof(request->given));
  const std::string_view text(bytes.data(), static_cast<size_t>(count));
  const size_t cut = text.find('\0');
  if (cut == text.npos) return false;
  request->mark = text.substr(0, cut);
  request->directory = text.substr(cut + 1);
  return true;
}

bool TakeMark(const MarkPlace& place, const std::string& mark) {
  if (kMark.size() + mark.size() >= place.size) return false;
  unsetenv(kZygoteVariable);
  std::memset(place.begin + kMark.size(), 0, place.size - kMark.size());
  std::memcpy(place.begin + kMark.size(), mark.data(), mark.size());
  return true;
}

// As the spawner prepares what it starts itself; then waits for its word.
bool BecomeWorker(int socket, const MarkPlace& place, const Request& request,
                  pid_t spawner) {
  setsid();
  // A number is given after all that are smaller, so that none of these is
  // overwritten before it has been copied.
  for (int i = 0; i < kZygoteDescriptors - 1; ++i) {
    if (dup2(request.given[static_cast<size_t>(i)], i + 1) < 0) return false;
  }
  const int begin = request.given.back();
  for (const int fd : request.given) {
    if (fd >= kFirstFree && fd != begin) close(fd);
  }
  if (chdir(request.directory.c_str()) != 0) return false;
  if (!TakeMark(place, request.mark)) return false;
  const std::string said = kZygoteWorker + std::to_string(getpid());
  if (send(socket, said.data(), said.size(), MSG_NOSIGNAL) < 0) return false;
  close(socket);
  char word = 0;
  if (read(begin, &word, 1) != 1 || word != kZygoteBegin) return false;
  close(begin);
  return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == spawner;
}

// Returns 0 in the worker, otherwise the process in the middle, or less than
// 0. What that one forks becomes the spawner's child, which adopts what has
// lost its parent. It does nothing else, and shares this one's memory, as a
// copy would be half of what a worker costs.
[[gnu::noinline]] pid_t ForkWorker() {
  const pid_t middle = vfork();
  if (middle != 0) return middle;
  const pid_t worker = fork();
  if (worker != 0) _exit(worker < 0 ? 1 : 0);
  return 0;
}

}  // namespace

void ServeForks(const std::string& words) {
  const size_t space = words.find(' ');
  pid_t spawner = 0;
  if (space != words.npos) {
    std::from_chars(words.data() + space + 1, words.data() + words.size(),
                    spawner);
  }
  const MarkPlace place = FindMark();
  const int socket = fcntl(kZygoteFd, F_DUPFD_CLOEXEC, kSocketMin);
  close(kZygoteFd);
  // Descriptors: the first three, the socket, and that of the list itself.
  if (socket < 0 || place.begin == nullptr || getppid() != spawner ||
      EntriesIn("/proc/self/task") != 1 || EntriesIn("/proc/self/fd") > 5) {
    _exit(1);
  }
  if (send(socket, &kZygoteReady, 1, MSG_NOSIGNAL) != 1) _exit(1);
  Request request;
  while (Receive(socket, &request)) {
    const pid_t middle = ForkWorker();
    if (middle == 0) {
      if (BecomeWorker(socket, place, request, spawner)) return;
      _exit(127);
    }
    for (const int fd : request.given) close(fd);
    int status = 0;
    if (middle < 0 || waitpid(middle, &status, 0) != middle || status != 0) {
      break;
    }
    if (send(socket, &kZygoteForked, 1, MSG_NOSIGNAL) != 1) break;
  }
  _exit(0);
}

}  // namespace remuda
