#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "executors/processes/process_limits.h"

namespace remuda {

// What an agent and its spawner say to each other over their socket. Both ends
// are the same program, so the form is plain: a frame is a length of four
// bytes and whole messages back to back; numbers are in the machine's order.
// Descriptors travel beside the bytes, in the order of the requests.

// Descriptors 0 to 4 of a child can be given to it.
inline constexpr size_t kChildDescriptors = 5;

// The largest frame either side accepts: argv and environment of one program
// may be 2 MiB by the kernel's own limit.
inline constexpr size_t kSpawnFrameBytesMax = size_t{8} << 20;

// Frames above this are not joined with further messages.
inline constexpr size_t kSpawnFrameBytesTarget = size_t{64} << 10;

// The kernel passes at most 253 descriptors with one message.
inline constexpr size_t kSpawnDescriptorsMax = 250;

struct SpawnRequest {
  uint64_t id = 0;  // chosen by the caller, never used twice
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::string directory;
  std::string mark;  // the value of REMUDA_MARK in `environment`
  // Bit i: descriptor i is given. The first three are otherwise /dev/null.
  uint32_t descriptors = 0;
  ProcessLimits limits;
  // What its worker is for, if a zygote may fork it; REMUDA_MARK is then last
  // in `environment`.
  std::string zygote;
  // Takes part in the line: its end is one of those that `ends_seen` counts,
  // of this spawner. One that waits starts when another of the line ends.
  bool in_line = false;
  bool waits = false;
  uint64_t ends_seen = 0;
};

// Where the spawner may make control groups; before the first request.
struct GroupSetup {
  ControlGroupPlaces places;
  std::string name;  // of its own groups there
};

enum class SignalTarget : uint8_t {
  kProcess,  // the process that was started, alone
  kGroup,    // and what shares its process group
  kTree,     // all that it started; the signal must be SIGKILL
};

struct SignalRequest {
  uint64_t id = 0;
  int32_t signal = 0;
  SignalTarget target = SignalTarget::kProcess;
};

// What failed between the request and the program's first instruction.
// Nothing did with kLease: the lease was over; nor with kStopped: it waited in
// the line and was told to stop, which is no end that the line counts.
enum class SpawnStage : uint8_t {
  kProcess,
  kDirectory,
  kProgram,
  kGroup,
  kLease,
  kStopped,
};

struct SpawnFailed {
  uint64_t id = 0;
  SpawnStage stage = SpawnStage::kProcess;
  int32_t error_number = 0;
};

struct ProcessExited {
  uint64_t id = 0;
  int32_t wait_status = 0;
  bool signalled = false;       // we sent a signal before it ended
  bool left_survivors = false;  // could not be killed within the time limit
  // Processes left behind, by this or others, that were found and killed since
  // the last report.
  uint32_t orphans_killed = 0;
  LimitBroken limit = LimitBroken::kNone;  // then we have killed it
  bool lease_over = false;                 // then, too
  Duration wall = Duration::zero();
  Duration cpu = Duration::zero();
  // Empty where it is no more than what the spawner itself uses, which the
  // kernel counts as the child's from before its exec.
  std::optional<uint64_t> memory_max_bytes;
  uint64_t switches_voluntary = 0;
  uint64_t switches_involuntary = 0;
};

using SpawnerRequest = std::variant<SpawnRequest, SignalRequest, GroupSetup>;
using SpawnerReport = std::variant<SpawnFailed, ProcessExited>;

void AppendRequest(const SpawnRequest& request, std::string* frame);
void AppendRequest(const SignalRequest& request, std::string* frame);
void AppendRequest(const GroupSetup& request, std::string* frame);
void AppendReport(const SpawnFailed& report, std::string* frame);
void AppendReport(const ProcessExited& report, std::string* frame);

// Empty if the bytes are not whole messages.
std::optional<std::vector<SpawnerRequest>> ParseRequests(std::string_view body);
std::optional<std::vector<SpawnerReport>> ParseReports(std::string_view body);

// Cuts a stream of bytes into frames.
//
// Thread: confined to its owner.
class FrameCutter {
 public:
  void Add(std::string_view bytes) { buffer_.append(bytes); }

  // The next whole frame's body, valid until the next call of any method.
  std::optional<std::string_view> Next();

  // A length beyond kSpawnFrameBytesMax was seen; nothing more will come.
  bool broken() const { return broken_; }

 private:
  std::string buffer_;
  size_t taken_ = 0;
  bool broken_ = false;
};

// The four bytes that go before a body.
std::array<char, 4> FrameLength(size_t body_bytes);

}  // namespace remuda
