#include "executors/processes/spawner_main.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "executors/processes/child_process.h"
#include "executors/processes/lease_page.h"
#include "executors/processes/limit_keeper.h"
#include "executors/processes/process_tree.h"
#include "executors/processes/report_queue.h"
#include "executors/processes/spawn_line.h"
#include "executors/processes/spawn_message.h"
#include "executors/processes/spawner_setup.h"
#include "executors/processes/zygote_keeper.h"

namespace remuda {
namespace {

// How long an attempt's end is held back because processes of it will not
// die; the kernel can keep one alive in a broken disk's system call.
constexpr Duration kSurvivorWaitMax = std::chrono::seconds(2);

// How long the end of this process is held back for the same reason.
constexpr Duration kLastWaitMax = std::chrono::seconds(5);

// Looking whether there is a lease by now.
constexpr Duration kNoLeasePause = std::chrono::milliseconds(100);

// Looking again after a kill, should no SIGCHLD say that it worked.
constexpr int kRecheckMilliseconds = 5;
// How long the end of a program is not told because of a process that shows no
// mark and may be somebody else's.
constexpr Duration kMarkWaitMax = std::chrono::milliseconds(20);

Duration FromTimeval(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::microseconds(time.tv_usec);
}

// The whole state of the spawner process.
//
// Thread: the only one.
class SpawnerProcess {
 public:
  SpawnerProcess(UniqueFd socket, UniqueFd signals, UniqueFd lease_timer,
                 std::optional<LeasePage> lease)
      : socket_(std::move(socket)),
        signals_(std::move(signals)),
        lease_timer_(std::move(lease_timer)),
        lease_(std::move(lease)) {}

  void Run();

 private:
  struct Root {
    uint64_t id = 0;
    std::string mark;
    std::string zygote;  // the key by which there may be one for it
    MonotonicTime started;
    bool in_line = false;
    uint64_t start_ticks = 0;
    bool signalled = false;
    bool lease_over = false;  // for which it was killed
  };
  // A root that was reaped and whose tree is not known to be gone.
  struct EndedRoot {
    pid_t pid = 0;
    std::string mark;
    MonotonicTime ended;
    ProcessExited report;
    bool in_line = false;
    bool has_survivors = false;
  };

  bool Wait();
  bool ReceiveRequests();
  void TakeDescriptors(const msghdr& header);
  void Handle(SpawnRequest& request);
  void Handle(const SignalRequest& request);
  void Handle(const GroupSetup& setup);
  bool Begin(const HeldSpawn& spawn);
  void FillPlaces(size_t ends);
  int WaitMilliseconds() const;
  void KeepLimits();
  Duration LeaseLeft() const;
  bool IsLeaseOver() const;
  void KeepLease();
  void Reap();
  void SettleEnded();
  void KillStrays();
  bool IsCondemned(const ProcessFacts& stray);
  bool SendReports();
  void KillAll();

  const SystemClock clock_;
  const SystemClock lease_clock_{SystemClock::Suspend::kCounted};
  const UniqueFd socket_;
  const UniqueFd signals_;
  const UniqueFd lease_timer_;
  const std::optional<LeasePage> lease_;
  MonotonicTime lease_look_at_{};  // what the timer is set to
  const pid_t agent_ = getppid();
  FrameCutter frames_;
  std::deque<UniqueFd> descriptors_;
  std::map<pid_t, Root> roots_;
  std::map<uint64_t, pid_t> pid_of_id_;
  SpawnLine line_;
  std::vector<EndedRoot> ended_;
  bool may_have_strays_ = false;
  bool may_have_ended_ = true;  // a signal came since the last look
  // Strays being killed, which are looked at until they are gone: by number
  // and start, so that each counts once.
  std::set<std::pair<pid_t, uint64_t>> dying_;
  uint32_t orphans_killed_ = 0;  // since the last report
  OwnChildren children_;
  LimitKeeper limits_;
  ZygoteKeeper zygotes_;
  MonotonicTime next_look_;
  size_t running_in_line_ = 0;
  ReportQueue reports_;
};

void SpawnerProcess::Run() {
  while (Wait()) {
    KeepLimits();
    KeepLease();
    zygotes_.Look(clock_.Now());
    Reap();
    SettleEnded();
    if (!SendReports()) break;
  }
  KillAll();
}

int SpawnerProcess::WaitMilliseconds() const {
  int wait = -1;
  const auto at_most = [&wait](int milliseconds) {
    if (milliseconds < 0) return;
    wait = wait < 0 ? milliseconds : std::min(wait, milliseconds);
  };
  at_most(limits_.look_milliseconds());
  at_most(zygotes_.look_milliseconds());
  if (!ended_.empty()) at_most(kRecheckMilliseconds);
  at_most(reports_.wait_milliseconds());
  return wait;
}

// Returns false when the agent is gone.
bool SpawnerProcess::Wait() {
  const auto talks =
      static_cast<short>(!reports_.has_unsent() ? POLLIN : POLLIN | POLLOUT);
  std::vector<pollfd> watched = {pollfd{socket_.get(), talks, 0},
                                 pollfd{signals_.get(), POLLIN, 0},
                                 pollfd{lease_timer_.get(), POLLIN, 0}};
  zygotes_.AddWatched(watched);
  const int timeout = WaitMilliseconds();
  if (poll(watched.data(), watched.size(), timeout) < 0) return errno == EINTR;
  if (watched[1].revents != 0) {
    // Each of the two signals is pending once at most.
    std::array<signalfd_siginfo, 16> pending;
    const ssize_t count = read(signals_.get(), pending.data(), sizeof(pending));
    bool parent_died = false;
    for (size_t i = 0;
         count > 0 && i < static_cast<size_t>(count) / sizeof(pending[0]);
         ++i) {
      parent_died |= pending[i].ssi_signo == SIGUSR1;
    }
    // It also comes when merely the agent's thread that started us ends.
    if (parent_died && getppid() != agent_) return false;
    may_have_ended_ = true;
  }
  if (watched[2].revents != 0) {
    uint64_t times = 0;
    if (read(lease_timer_.get(), &times, sizeof(times)) < 0 &&
        errno != EAGAIN) {
      return false;
    }
  }
  return (watched[0].revents & ~POLLOUT) == 0 || ReceiveRequests();
}

bool SpawnerProcess::ReceiveRequests() {
  static std::array<char, size_t{64} << 10> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 256)> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t count =
      recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  TakeDescriptors(header);
  frames_.Add({bytes.data(), static_cast<size_t>(count)});
  while (const auto body = frames_.Next()) {
    auto requests = ParseRequests(*body);
    if (!requests.has_value()) return false;
    for (SpawnerRequest& request : *requests) {
      std::visit([this](auto& one) { Handle(one); }, request);
    }
  }
  return !frames_.broken();
}

void SpawnerProcess::TakeDescriptors(const msghdr& header) {
  for (const cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&header),
                          const_cast<cmsghdr*>(part))) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      descriptors_.emplace_back(fd);
    }
  }
}

void SpawnerProcess::Handle(SpawnRequest& request) {
  HeldSpawn spawn{.request = std::move(request), .given = {}};
  spawn.complete = !spawn.request.argv.empty();
  for (size_t i = 0; i < kChildDescriptors; ++i) {
    if ((spawn.request.descriptors & (1u << i)) == 0) continue;
    // The kernel drops descriptors when this process has too many.
    if (descriptors_.empty()) {
      spawn.complete = false;
      break;
    }
    spawn.given.push_back(std::move(descriptors_.front()));
    descriptors_.pop_front();
  }
  const bool in_line = spawn.request.in_line;
  if (in_line) line_.Seen(spawn.request.ends_seen);
  std::optional<HeldSpawn> now;
  if (spawn.request.waits) {
    now = line_.Add(std::move(spawn));
  } else {
    now = std::move(spawn);
  }
  if (now.has_value() && !Begin(*now) && in_line) FillPlaces(1);
}

// Starts who waits for them, in the places of so many of the line that ended.
void SpawnerProcess::FillPlaces(size_t ends) {
  while (ends > 0) {
    const std::optional<HeldSpawn> next = line_.TakeForEnd();
    if (!next.has_value() || Begin(*next)) --ends;
  }
}

// False if it was reported as failed.
bool SpawnerProcess::Begin(const HeldSpawn& spawn) {
  const SpawnRequest& request = spawn.request;
  ChildPlan plan{.argv = request.argv,
                 .environment = request.environment,
                 .directory = request.directory,
                 .descriptors = {},
                 .groups = {}};
  auto given = spawn.given.begin();
  for (size_t i = 0; i < kChildDescriptors; ++i) {
    const bool has = (request.descriptors & (1u << i)) != 0;
    const bool here = has && given != spawn.given.end();
    plan.descriptors[i] = here ? (given++)->get() : -1;
  }
  const bool complete = spawn.complete;
  if (IsLeaseOver()) {
    reports_.Add(SpawnFailed{request.id, SpawnStage::kLease, 0});
    return false;
  }
  if (complete) plan.groups = limits_.Prepare(request.id, request.limits);
  const MonotonicTime started = clock_.Now();
  std::variant<pid_t, ChildFailure> result =
      ChildFailure{SpawnStage::kProcess, EMFILE};
  std::string zygote = ZygoteKeeper::KeyOf(request);
  if (complete) {
    std::optional<pid_t> forked;
    if (!zygote.empty()) {
      forked = zygotes_.Start(zygote, request, plan, started, LeaseLeft());
    }
    result = forked.has_value() ? *forked : StartChild(plan);
  }
  if (const auto* failure = std::get_if<ChildFailure>(&result)) {
    limits_.Forget(request.id);
    reports_.Add(
        SpawnFailed{request.id, failure->stage, failure->error_number});
    return false;
  }
  const pid_t pid = std::get<pid_t>(result);
  roots_[pid] = Root{.id = request.id,
                     .mark = request.mark,
                     .zygote = std::move(zygote),
                     .started = started,
                     .in_line = request.in_line};
  pid_of_id_[request.id] = pid;
  limits_.Started(request.id, pid);
  running_in_line_ += request.in_line;
  return true;
}

void SpawnerProcess::Handle(const GroupSetup& setup) {
  limits_.Use(setup.places, setup.name);
}

// Whoever has broken a limit dies with all that it started.
void SpawnerProcess::KeepLimits() {
  const int pause = limits_.look_milliseconds();
  const MonotonicTime now = clock_.Now();
  if (pause < 0 || now < next_look_) return;
  next_look_ = now + std::chrono::milliseconds(pause);
  for (const uint64_t id : limits_.Look()) {
    const auto found = pid_of_id_.find(id);
    if (found == pid_of_id_.end()) continue;
    kill(-found->second, SIGKILL);
    kill(found->second, SIGKILL);
    limits_.KillRest(id);
  }
}

Duration SpawnerProcess::LeaseLeft() const {
  if (!lease_.has_value()) return Duration::max();
  const std::optional<MonotonicTime> end = lease_->end();
  return end.has_value() ? *end - lease_clock_.Now() : Duration::max();
}

bool SpawnerProcess::IsLeaseOver() const {
  return LeaseLeft() <= Duration::zero();
}

// The timer is set once in a lease, not at each renewal: at its end there is
// usually a later one.
void SpawnerProcess::KeepLease() {
  if (!lease_.has_value() || roots_.empty()) return;
  if (IsLeaseOver()) {
    for (auto& [pid, root] : roots_) {
      if (std::exchange(root.lease_over, true)) continue;
      kill(-pid, SIGKILL);
      kill(pid, SIGKILL);
      limits_.KillRest(root.id);
    }
    return;
  }
  const MonotonicTime now = lease_clock_.Now();
  const std::optional<MonotonicTime> end = lease_->end();
  if (lease_look_at_ > now && lease_look_at_ <= end) return;
  // Workers may be warm before there is a lease.
  lease_look_at_ = end.value_or(now + kNoLeasePause);
  const Duration at = lease_look_at_.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
  const itimerspec when = {
      .it_interval = {},
      .it_value = {.tv_sec = seconds.count(),
                   .tv_nsec = static_cast<long>((at - seconds).count())}};
  timerfd_settime(lease_timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void SpawnerProcess::Handle(const SignalRequest& request) {
  const auto found = pid_of_id_.find(request.id);
  if (found == pid_of_id_.end()) {
    if (line_.Remove(request.id)) {
      reports_.Add(SpawnFailed{request.id, SpawnStage::kStopped, 0});
    }
    return;
  }
  const pid_t pid = found->second;
  roots_[pid].signalled = true;
  // A root is not reaped before it leaves the map, so its number is its own.
  // What else is in its tree dies when it has been reaped.
  if (request.target != SignalTarget::kProcess) kill(-pid, request.signal);
  kill(pid, request.signal);
}

void SpawnerProcess::Reap() {
  // What is being killed is looked at again and again; for all else there is
  // a signal.
  const bool looks_again = !ended_.empty() || !dying_.empty();
  if (!std::exchange(may_have_ended_, false) && !looks_again) return;
  int status = 0;
  rusage used{};
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  for (;;) {
    const pid_t pid = wait4(-1, &status, WNOHANG, &used);
    if (pid <= 0) return;
    const auto found = roots_.find(pid);
    if (found == roots_.end()) {
      zygotes_.Reaped(pid);
      may_have_strays_ = true;  // one is gone; it may have left children
      continue;
    }
    const MonotonicTime now = clock_.Now();
    zygotes_.Ended(found->second.zygote, now);
    EndedRoot ended{.pid = pid,
                    .mark = std::move(found->second.mark),
                    .ended = now,
                    .report = {},
                    .in_line = found->second.in_line};
    ended.report.id = found->second.id;
    ended.report.wait_status = status;
    ended.report.signalled = found->second.signalled;
    // It may have ended just before.
    ended.report.lease_over = found->second.lease_over && WIFSIGNALED(status) &&
                              WTERMSIG(status) == SIGKILL;
    ended.report.wall = now - found->second.started;
    ended.report.cpu = FromTimeval(used.ru_utime) + FromTimeval(used.ru_stime);
    if (used.ru_maxrss > own.ru_maxrss) {
      ended.report.memory_max_bytes =
          static_cast<uint64_t>(used.ru_maxrss) * 1024;
    }
    ended.report.switches_voluntary = static_cast<uint64_t>(used.ru_nvcsw);
    ended.report.switches_involuntary = static_cast<uint64_t>(used.ru_nivcsw);
    pid_of_id_.erase(ended.report.id);
    running_in_line_ -= found->second.in_line;
    roots_.erase(found);
    ended_.push_back(std::move(ended));
  }
}

// Reports the ended roots of which nothing is left.
void SpawnerProcess::SettleEnded() {
  if (ended_.empty() && !may_have_strays_) return;
  may_have_strays_ = false;
  for (EndedRoot& root : ended_) {
    root.has_survivors = limits_.KillRest(root.report.id);
  }
  KillStrays();
  const MonotonicTime now = clock_.Now();
  size_t of_line = 0;
  std::erase_if(ended_, [&](EndedRoot& root) {
    const bool overdue = now - root.ended > kSurvivorWaitMax;
    if (root.has_survivors && !overdue) return false;
    root.report.left_survivors = root.has_survivors;
    root.report.orphans_killed = std::exchange(orphans_killed_, 0);
    const LimitKeeper::Ended limits = limits_.Forget(root.report.id);
    root.report.limit = limits.broken;
    if (limits.memory_max_bytes > root.report.memory_max_bytes.value_or(0)) {
      root.report.memory_max_bytes = limits.memory_max_bytes;
    }
    reports_.Add(
        root.report, now,
        root.in_line ? ReportQueue::Of::kLine : ReportQueue::Of::kOther);
    of_line += root.in_line;
    return true;
  });
  FillPlaces(of_line);
}

// Whatever a reaped root left alive hangs below a child of ours that is no
// root, because we adopt orphans. Usually there is none, at the price of
// reading one small file.
void SpawnerProcess::KillStrays() {
  std::vector<pid_t> condemned;
  std::set<std::pair<pid_t, uint64_t>> dying;
  for (const pid_t pid : children_.Read()) {
    if (roots_.contains(pid) || zygotes_.Has(pid)) continue;
    const std::optional<ProcessFacts> facts = ReadProcess(pid);
    if (!facts.has_value() || facts->state == 'Z') continue;
    if (!IsCondemned(*facts)) continue;
    condemned.push_back(pid);
    const std::pair named(pid, facts->start_time);
    dying.insert(named);
    if (!dying_.contains(named)) ++orphans_killed_;
  }
  dying_ = std::move(dying);
  if (!condemned.empty()) KillTrees(condemned, ReadProcesses());
}

bool SpawnerProcess::IsCondemned(const ProcessFacts& stray) {
  for (EndedRoot& root : ended_) {
    if (root.pid != stray.session) continue;
    root.has_survivors = true;
    return true;
  }
  if (roots_.contains(stray.session)) return false;
  const std::string mark = ReadMark(stray.pid);
  if (!mark.empty()) {
    for (EndedRoot& root : ended_) {
      if (root.mark != mark) continue;
      root.has_survivors = true;
      return true;
    }
    // Otherwise it belongs to one that runs, or to one already reported.
    return std::none_of(roots_.begin(), roots_.end(), [&](const auto& root) {
      return root.second.mark == mark;
    });
  }
  bool might_belong = false;
  for (auto& [pid, root] : roots_) {
    if (root.start_ticks == 0) {
      const std::optional<ProcessFacts> facts = ReadProcess(pid);
      if (facts.has_value()) root.start_ticks = facts->start_time;
    }
    might_belong |= root.start_ticks <= stray.start_time;
  }
  if (might_belong) {
    // Amid an exec a process shows no environment; its own would tell.
    const MonotonicTime now = clock_.Now();
    for (EndedRoot& root : ended_) {
      root.has_survivors |= now - root.ended < kMarkWaitMax;
    }
    return false;
  }
  for (EndedRoot& root : ended_) root.has_survivors = true;
  return true;
}

// Returns false when the agent is gone. As long as every program of the line
// has a successor here, nobody waits for the reports.
bool SpawnerProcess::SendReports() {
  const auto line = line_.size() >= running_in_line_
                        ? ReportQueue::Line::kGoesOn
                        : ReportQueue::Line::kNeedsMore;
  return reports_.Send(socket_.get(), clock_.Now(), line);
}

void SpawnerProcess::KillAll() {
  const MonotonicTime give_up = clock_.Now() + kLastWaitMax;
  zygotes_ = ZygoteKeeper();  // while their numbers are their own
  for (const auto& [pid, root] : roots_) {
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }
  while (clock_.Now() < give_up) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::vector<pid_t> children = children_.Read();
    if (children.empty()) return;
    KillTrees(children, ReadProcesses());
    pollfd watched{signals_.get(), POLLIN, 0};
    poll(&watched, 1, kRecheckMilliseconds);
    std::array<signalfd_siginfo, 16> pending;
    while (read(signals_.get(), pending.data(), sizeof(pending)) > 0) {
    }
  }
}

}  // namespace

int SpawnerMain(int argc, char** argv) {
  // The socket, the lock that is kept to the end, the lease.
  std::array<int, 3> kept = {-1, -1, -1};
  for (size_t i = 0; i < kept.size() && static_cast<int>(i) + 2 < argc; ++i) {
    kept[i] = std::atoi(argv[i + 2]);
  }
  if (kept[0] < 0 || !SetUpSpawner(kept)) return 1;
  // A supervisor's SIGTERM to the whole group means the agent, which drains
  // and then closes the socket; everything is blocked and only two are read.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGUSR1);
  UniqueFd signals(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return 1;
  std::optional<LeasePage> lease;
  UniqueFd timer;
  if (kept[2] >= 0) {
    absl::StatusOr<LeasePage> page = LeasePage::Open(UniqueFd(kept[2]));
    timer.Reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!page.ok() || !timer.valid()) return 1;
    lease = *std::move(page);
  }
  SpawnerProcess process(UniqueFd(kept[0]), std::move(signals),
                         std::move(timer), std::move(lease));
  process.Run();
  return 0;
}

}  // namespace remuda
