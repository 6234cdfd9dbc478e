#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "wire/messages.h"

namespace remuda {

// The bodies of what agent and coordinator say; codec.h puts them in frames.
// A message's own sequence travels in the frame's header.
//
// All functions are pure. Thread: any.

// `room` zero bytes for the header, then the body.
std::string SerializeBody(const AgentMessage& message, size_t room);
std::string SerializeBody(const CoordinatorMessage& message, size_t room);

uint64_t SequenceOf(const AgentMessage& message);
uint64_t SequenceOf(const CoordinatorMessage& message);

// `type` is the number of frame_types.h and must be one of the kind's.
// Errors: InvalidArgument, Unimplemented for a type that does not exist.
absl::StatusOr<AgentMessage> ParseAgentBody(uint8_t type, uint64_t sequence,
                                            std::string_view body);

// Session and term of a Welcome are those of the frame; the caller adds them.
absl::StatusOr<CoordinatorMessage> ParseCoordinatorBody(uint8_t type,
                                                        uint64_t sequence,
                                                        std::string_view body);

}  // namespace remuda
