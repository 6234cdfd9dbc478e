#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/exit_code.h"
#include "jobs/ids.h"

namespace remuda {

// What the sub-commands share. Data goes to stdout, words to stderr.
struct CommonOptions {
  std::string coordinator;   // empty: the embedded default
  std::string key;           // file; for a coordinator with keys
  std::string state_folder;  // of the embedded default
  bool json = false;
};

struct RunOptions {
  CommonOptions common;
  std::string file;
  bool quiet = false;
};

struct TryOptions {
  CommonOptions common;
  std::string file;
  std::string executors = "all";
  uint64_t sample = 200;  // tasks
  std::string plot;       // a file for the picture; empty: none
  bool quiet = false;
};

struct SubmitOptions {
  CommonOptions common;
  std::string file;
  std::string submission_key;  // empty: a random one
};

struct JobOptions {
  CommonOptions common;
  std::vector<uint64_t> jobs;
  uint32_t limit = 100;
};

struct AdviseOptions {
  CommonOptions common;
  std::string lock;  // file to write; "-": stdout; empty: none
};

struct TypesOptions {
  std::string type;  // empty: all
  bool json = false;
};

struct WaitOptions {
  CommonOptions common;
  std::vector<uint64_t> jobs;
  std::optional<Duration> timeout;
};

struct CancelOptions {
  CommonOptions common;
  uint64_t job = 0;
  std::string reason;
};

struct TasksOptions {
  CommonOptions common;
  uint64_t job = 0;
  bool only_failed = false;
  bool outputs = false;  // `results`: with outputs and errors
  std::optional<uint64_t> task;
};

struct LogsOptions {
  CommonOptions common;
  uint64_t job = 0;
  uint64_t task = 0;
  bool only_stderr = false;
  bool only_stdout = false;
};

struct KeygenOptions {
  std::string folder;
  std::vector<std::string> agents;
  std::vector<std::string> submitters;
  std::vector<std::string> viewers;
  std::vector<std::string> operators;
  uint32_t sessions = 1;
  bool json = false;
};

// Of the coordinator's API; see coordinator/api/api_server.h.
struct ApiCommandOptions {
  std::string address;  // empty: none
  std::string tokens;
  std::string certificate;
  std::string certificate_key;
  std::vector<std::string> origins;
};

struct TokenOptions {
  std::string folder;
  std::string name;
  std::string role;
};

struct CoordinatorCommandOptions {
  std::string listen = "tcp://127.0.0.1:7600";
  std::string keys;  // folder
  std::string http;
  std::string data;
  std::string lease = "30s";
  std::string durability = "full";
  ApiCommandOptions api;
};

struct WorkerCheckOptions {
  std::vector<std::string> argv;
  std::string mode = "all";
  std::string type;        // empty: the kit's own
  std::string parameters;  // likewise
  double patience_seconds = 30;
  bool json = false;
};

struct BenchOptions {
  CommonOptions common;
  double seconds_each = 8;
};

struct AgentCommandOptions {
  std::string coordinator;
  std::string key;  // file
  std::string http;
  std::string labels;
  std::string slots;
  uint64_t workers = 0;  // one a core
  std::string data;
  std::string name;
  std::string drain = "10m";
};

// Each sub-command. They print; they never exit.
ExitCode RunCommand(const RunOptions& options);
ExitCode TryCommand(const TryOptions& options);
ExitCode SubmitCommand(const SubmitOptions& options);
ExitCode PlanCommand(const SubmitOptions& options);
ExitCode SchemaCommand();
ExitCode TypesCommand(const TypesOptions& options);
ExitCode JobsCommand(const JobOptions& options);
ExitCode JobCommand(const JobOptions& options);
ExitCode WaitCommand(const WaitOptions& options);
ExitCode CancelCommand(const CancelOptions& options);
ExitCode TasksCommand(const TasksOptions& options);
ExitCode LogsCommand(const LogsOptions& options);
ExitCode AgentsCommand(const CommonOptions& options);
ExitCode ExplainCommand(const JobOptions& options);
ExitCode AdviseCommand(const AdviseOptions& options);
ExitCode CoordinatorCommand(const CoordinatorCommandOptions& options);
ExitCode AgentCommand(const AgentCommandOptions& options);
ExitCode KeygenCommand(const KeygenOptions& options);
ExitCode TokenCommand(const TokenOptions& options);
ExitCode WorkerCheckCommand(const WorkerCheckOptions& options);
ExitCode BenchCommand(const BenchOptions& options);
ExitCode VersionCommand(const CommonOptions& options);

}  // namespace remuda
