#include "executors/processes/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "workers/protocol/zygote_channel.h"

namespace remuda {
namespace {

// How long one that does not answer holds up the spawner, once.
constexpr Duration kAnswerMax = std::chrono::milliseconds(250);

constexpr size_t kMessageBytesMax = 64;

// A mark is overwritten by that of each worker, which may be longer.
constexpr size_t kMarkBytesSpare = 24;

// "NAME=value" of the environment that is the mark, which comes last.
std::vector<std::string> EnvironmentFor(const SpawnRequest& like) {
  std::vector<std::string> environment = like.environment;
  environment.pop_back();
  environment.push_back("REMUDA_MARK=" + like.mark + "-zygote" +
                        std::string(kMarkBytesSpare, '-'));
  environment.push_back(std::string(kZygoteVariable) + "=" + like.zygote + " " +
                        std::to_string(getpid()));
  return environment;
}

// Whether `pid` is a child of this process, and alive.
bool IsOwnChild(pid_t pid) {
  siginfo_t facts{};
  return waitid(P_PID, static_cast<id_t>(pid), &facts,
                WEXITED | WNOHANG | WNOWAIT) == 0 &&
         facts.si_pid == 0;
}

bool Enter(const std::vector<int>& groups, pid_t pid) {
  const std::string number = std::to_string(pid);
  for (const int group : groups) {
    if (write(group, number.data(), number.size()) < 0) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<Zygote> Zygote::Start(const SpawnRequest& like) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    return nullptr;
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  ChildPlan plan{.argv = like.argv,
                 .environment = EnvironmentFor(like),
                 .directory = "/",
                 .descriptors = {},
                 .groups = {}};
  plan.descriptors.fill(-1);
  plan.descriptors[kZygoteFd] = theirs.get();
  const std::variant<pid_t, ChildFailure> result = StartChild(plan);
  const pid_t* pid = std::get_if<pid_t>(&result);
  if (pid == nullptr) return nullptr;
  return std::unique_ptr<Zygote>(new Zygote(std::move(ours), *pid));
}

Zygote::~Zygote() { GiveUp(); }

void Zygote::GiveUp() {
  // Its number is its own, as it was not reaped: its owner knows that.
  if (state_ != State::kGone) kill(pid_, SIGKILL);
  state_ = State::kGone;
}

void Zygote::Read() {
  std::array<char, kMessageBytesMax> message;
  const ssize_t count =
      recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count == 1 && message[0] == kZygoteReady && state_ == State::kStarting) {
    state_ = State::kReady;
    return;
  }
  GiveUp();
}

bool Zygote::Ask(const SpawnRequest& request, const ChildPlan& plan,
                 int begin) {
  std::string message = request.mark;
  message += '\0';
  message += request.directory;
  iovec part{message.data(), message.size()};
  const std::array<int, kZygoteDescriptors> given = {
      plan.descriptors[1], plan.descriptors[2], plan.descriptors[3],
      plan.descriptors[4], begin};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(given))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(given));
  std::memcpy(CMSG_DATA(rights), given.data(), sizeof(given));
  return sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(message.size());
}

// The worker's number, once it has done all but begin and has its final
// parent.
std::optional<pid_t> Zygote::AwaitWorker(Duration patience) {
  const SystemClock clock;
  const MonotonicTime give_up = clock.Now() + std::min(patience, kAnswerMax);
  pid_t pid = 0;
  bool forked = false;
  while (pid == 0 || !forked) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        give_up - clock.Now());
    pollfd watched{socket_.get(), POLLIN, 0};
    if (left.count() <= 0 ||
        poll(&watched, 1, static_cast<int>(left.count())) <= 0) {
      return std::nullopt;
    }
    std::array<char, kMessageBytesMax> bytes;
    const ssize_t count =
        recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count <= 0) return std::nullopt;
    const std::string_view message(bytes.data(), static_cast<size_t>(count));
    if (message == std::string_view(&kZygoteForked, 1)) {
      forked = true;
      continue;
    }
    const char* end = message.data() + message.size();
    if (message[0] != kZygoteWorker ||
        std::from_chars(message.data() + 1, end, pid).ptr != end || pid <= 0) {
      return std::nullopt;
    }
  }
  return pid;
}

std::optional<pid_t> Zygote::Fork(const SpawnRequest& request,
                                  const ChildPlan& plan, Duration patience) {
  std::array<int, 2> ends{};
  if (state_ != State::kReady || pipe2(ends.data(), O_CLOEXEC) < 0) {
    return std::nullopt;
  }
  UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  std::optional<pid_t> pid;
  if (Ask(request, plan, read_end.get())) pid = AwaitWorker(patience);
  read_end.Reset();
  if (pid.has_value() && IsOwnChild(*pid) && Enter(plan.groups, *pid) &&
      write(write_end.get(), &kZygoteBegin, 1) == 1) {
    return pid;
  }
  // A worker without its word to begin ends by itself, when the pipe does.
  GiveUp();
  return std::nullopt;
}

}  // namespace remuda
