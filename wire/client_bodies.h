#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "wire/client_messages.h"

namespace remuda {

// The bodies of what clients and the coordinator say; codec.h puts them in
// frames.
//
// All functions are pure. Thread: any.

// `room` zero bytes for the header, then the body.
std::string SerializeBody(const ClientRequest& request, size_t room);
std::string SerializeBody(const ClientReply& reply, size_t room);

// `type` is the number of frame_types.h and must be one of the kind's.
// Errors: InvalidArgument, Unimplemented for a type that does not exist.
absl::StatusOr<ClientRequest> ParseRequestBody(uint8_t type,
                                               std::string_view body);
absl::StatusOr<ClientReply> ParseReplyBody(uint8_t type, std::string_view body);

}  // namespace remuda
