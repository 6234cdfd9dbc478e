#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/client_messages.h"

namespace remuda {

// What the entry of a key or token lets its holder do. An identity never comes
// from a message's body.
enum class Role : uint8_t {
  kLocal,      // no keys: whoever reaches a loopback or ipc:// address; all
  kAgent,      // registers, runs what it is granted; asks nothing
  kSubmitter,  // submits; sees and cancels its own jobs
  kViewer,     // sees every job and the agents
  kOperator,   // everything that a client can ask
};
inline constexpr int kRoles = 5;

// "local", "agent", "submitter", "viewer", "operator".
const char* RoleName(Role role);

// Of a role that a key or token may have, so not "local".
std::optional<Role> RoleFromName(std::string_view name);

// Who is at the other end of a connection or request.
struct Identity {
  Role role = Role::kLocal;
  // Of the key or token: [a-z0-9][a-z0-9_.-]{0,62}; empty for kLocal.
  std::string name;

  friend bool operator==(const Identity&, const Identity&) = default;
};

// Only jobs whose owner is the one who asks are touched or shown by kOwn.
enum class Permission : uint8_t { kDenied, kOwn, kAll };

// The table of who may ask what; there is no other. It names every request,
// and what it does not grant is denied.
Permission MayAsk(Role role, const ClientRequest& request);

// Whether what an agent says (wire/messages.h) is taken from this role.
bool MayServe(Role role);

}  // namespace remuda
