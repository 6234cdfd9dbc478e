#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"
#include "wire/frame_limits.h"
#include "wire/messages.h"

namespace remuda {

// Values to frames and back; docs/WIRE.md has the format. Bytes from outside
// are checked here as far as that needs no state: lengths, enum values, ranges
// that are empty, overlap or overflow, counts. Whether a sender may say what it
// says is for the receiver to decide.
//
// All functions are pure. Thread: any.

inline constexpr size_t kFrameHeaderBytes = 36;

enum class FrameKind : uint8_t { kAgent, kCoordinator, kRequest, kReply };

// The fixed part of every frame. Its layout is that of every protocol version.
struct FrameHeader {
  uint16_t version = 0;
  uint8_t type = 0;
  FrameKind kind = FrameKind::kAgent;
  Term term;
  SessionId session;
  uint64_t number = 0;  // the message's sequence or the request's number
};

struct AgentFrame {
  Term term;
  SessionId session;
  AgentMessage message;
};

struct CoordinatorFrame {
  Term term;
  SessionId session;
  CoordinatorMessage message;
};

struct RequestFrame {
  uint64_t number = 0;
  ClientRequest request;
};

struct ReplyFrame {
  uint64_t number = 0;
  ClientReply reply;
};

// Term and session are zero before a Welcome, which brings its own. The result
// may be longer than the socket takes; then its Send() says so.
std::string EncodeAgent(const AgentMessage& message, Term term,
                        SessionId session);
std::string EncodeCoordinator(const CoordinatorMessage& message, Term term,
                              SessionId session);
std::string EncodeRequest(const ClientRequest& request, uint64_t number);
std::string EncodeReply(const ClientReply& reply, uint64_t number);

// What arrives at a coordinator.
using IncomingFrame = std::variant<AgentFrame, RequestFrame>;

// Errors, of all that decode: InvalidArgument for what is no such frame;
// FailedPrecondition for a protocol version that this build does not speak;
// Unimplemented for a type that it does not know.
absl::StatusOr<IncomingFrame> DecodeIncoming(std::string_view frame);
absl::StatusOr<CoordinatorFrame> DecodeCoordinator(std::string_view frame);
absl::StatusOr<ReplyFrame> DecodeReply(std::string_view frame);

// The header alone, so that even a frame that cannot be decoded is answered in
// the right words and counted under its type. Accepts any version.
absl::StatusOr<FrameHeader> DecodeHeader(std::string_view frame);

// "heartbeat", "upload_items"; "unknown" for a type not of this build. For
// metrics and logs.
std::string_view FrameTypeName(uint8_t type);

}  // namespace remuda
