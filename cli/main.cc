#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "base/environment.h"
#include "cli/command.h"
#include "cli/own_workers.h"
#include "cli/plugins.h"
#include "cli/print.h"
#include "cli/version.h"
#include "executors/processes/spawner_main.h"
#include "wire/key_files.h"
#include "workers/native/worker_main.h"

namespace remuda {
namespace {

// What an option is without its flag. Not CLI11's envname(): options of all
// sub-commands share variables here, and there the environment of those that
// were not called would win over the flag of the one that was.
std::string FromEnvironment(const std::string& name) {
  return EnvironmentVariable(name).value_or("");
}

std::string DefaultStateFolder() {
  const std::string chosen = FromEnvironment("REMUDA_STATE");
  if (!chosen.empty()) return chosen;
  const std::optional<std::string> state =
      EnvironmentVariable("XDG_STATE_HOME");
  if (state && !state->empty()) return *state + "/remuda";
  const std::optional<std::string> home = EnvironmentVariable("HOME");
  return home.value_or("/tmp") + "/.local/state/remuda";
}

// A connection or pipe each for thousands of tasks needs more descriptors than
// the usual soft limit of 1,024 allows.
void RaiseDescriptorLimit() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);  // where it fails, the old limit holds
}

// The number of a job or task. CLI11 alone would read -1 as the largest one.
std::string CheckNumber(const std::string& text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end) return "";
  return "'" + text + "' is no number of a job or task";
}

std::string CheckKey(const std::string& text) {
  return text.empty() ? "an empty key names nothing" : "";
}

// The command line, and what was chosen on it.
class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("remuda ") + kRemudaVersion);
    app_.get_formatter()->column_width(36);
    AddSubmitting();
    AddAsking();
    AddTasks();
    AddServing();
    AddBench();
    AddKeygen();
    AddWorkerCheck();
    AddPluginProbe();
  }

  int Main(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (argc > 1 && argv[1][0] != '-' && !HasCommand(argv[1])) {
        return static_cast<int>(Fail(absl::InvalidArgumentError(
            std::string("there is no command '") + argv[1] +
            "'; `remuda --help` lists them")));
      }
      const int code = app_.exit(error);
      return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
    }
    const ExitCode code = chosen_();
    if (DataIsLost()) {
      return static_cast<int>(
          Fail(absl::InternalError("some of the output could not be written")));
    }
    return static_cast<int>(code);
  }

 private:
  bool HasCommand(const std::string& name) const {
    return !app_.get_subcommands([&name](const CLI::App* sub) {
                  return sub->check_name(name);
                })
                .empty();
  }

  CLI::App* Add(const std::string& name, const std::string& meaning,
                std::function<ExitCode()> command) {
    CLI::App* sub = app_.add_subcommand(name, meaning);
    sub->callback([this, command] { chosen_ = command; });
    return sub;
  }

  // A command that knows the job types that were added.
  CLI::App* AddLearning(const std::string& name, const std::string& meaning,
                        std::function<ExitCode()> command) {
    return Add(name, meaning, [this, command] {
      const absl::Status learnt = Learn();
      return learnt.ok() ? command() : Fail(learnt);
    });
  }

  static void AddKey(CLI::App* sub, std::string& key) {
    sub->add_option("--key", key,
                    "key file made by keygen, for a coordinator with keys "
                    "(or REMUDA_KEY)");
  }

  void AddCommon(CLI::App* sub) {
    sub->add_option("--coordinator", common_.coordinator,
                    "address, as tcp://host:port; without it Remuda runs "
                    "inside this process (or REMUDA_COORDINATOR)");
    AddKey(sub, common_.key);
    sub->add_option("--state", common_.state_folder,
                    "folder of the embedded default (or REMUDA_STATE)")
        ->capture_default_str();
    sub->add_flag("--json", common_.json, "print JSON to stdout");
  }

  void AddSubmitting() {
    CLI::App* run =
        AddLearning("run", "submit a spec, watch it, sum up", [this] {
          run_.common = common_;
          return RunCommand(run_);
        });
    run->add_option("FILE", run_.file, "YAML spec, - for stdin")->required();
    run->add_flag("--quiet", run_.quiet, "no progress");
    AddCommon(run);

    AddTry();
    CLI::App* submit =
        AddLearning("submit", "submit a spec and return", [this] {
          submit_.common = common_;
          return SubmitCommand(submit_);
        });
    submit->add_option("FILE", submit_.file, "YAML spec, - for stdin")
        ->required();
    submit
        ->add_option("--submission-key", submit_.submission_key,
                     "submitting again with the same key gives the same "
                     "jobs")
        ->check(CheckKey);
    AddCommon(submit);

    CLI::App* plan =
        AddLearning("plan", "check a spec and say what would run", [this] {
          submit_.common = common_;
          return PlanCommand(submit_);
        });
    plan->add_option("FILE", submit_.file, "YAML spec, - for stdin")
        ->required();
    plan->add_flag("--json", common_.json, "print JSON to stdout");

    CLI::App* types = AddLearning("types", "list the job types and their facts",
                                  [this] { return TypesCommand(types_); });
    types->add_option("TYPE", types_.type, "all of this one");
    types->add_flag("--json", types_.json, "print JSON to stdout");

    CLI::App* schema =
        AddLearning("schema", "print the JSON schema of the spec",
                    [this] { return SchemaCommand(); });
    for (CLI::App* sub : {run, submit, plan, types, schema}) AddLearnt(sub);
  }

  void AddTry() {
    CLI::App* sub = AddLearning(
        "try", "run a sample of a job's tasks on each executor it may run on",
        [this] {
          try_.common = common_;
          return TryCommand(try_);
        });
    sub->add_option("FILE", try_.file, "YAML spec of one job, - for stdin")
        ->required();
    sub->add_option("--executors", try_.executors,
                    "all, or names with commas between; the spec's own is "
                    "always tried, and first")
        ->capture_default_str();
    sub->add_option("--sample", try_.sample, "how many tasks on each")
        ->check(CLI::Range(uint64_t{1}, uint64_t{100'000}))
        ->capture_default_str();
    sub->add_option("--plot", try_.plot, "write a picture to this file, SVG");
    sub->add_flag("--quiet", try_.quiet, "no progress");
    AddCommon(sub);
    AddLearnt(sub);
  }

  void AddLearnt(CLI::App* sub) {
    sub->add_option("--plugin", plugins_,
                    "shared object that adds job types, may be given again "
                    "(and REMUDA_PLUGINS, with colons between)")
        ->allow_extra_args(false);
    sub->add_option("--worker", workers_,
                    "TYPE=COMMAND: a worker in any language that adds a job "
                    "type, may be given again (and REMUDA_WORKERS, with "
                    "semicolons between); TYPE alone where others host it")
        ->allow_extra_args(false);
  }

  // The job types of plugins and of workers of one's own, for commands that
  // look into specs or run them.
  absl::Status Learn() {
    std::vector<std::string> paths;
    std::istringstream listed(FromEnvironment("REMUDA_PLUGINS"));
    for (std::string path; std::getline(listed, path, ':');) {
      if (!path.empty()) paths.push_back(path);
    }
    paths.insert(paths.end(), plugins_.begin(), plugins_.end());
    LearnPlugins(paths);
    std::string workers = FromEnvironment("REMUDA_WORKERS");
    for (const std::string& worker : workers_) workers += ";" + worker;
    return LearnOwnWorkers(workers);
  }

  void AddPluginProbe() {
    CLI::App* probe =
        Add("plugin-probe", "load a plugin and print its manifest",
            [this] { return PluginProbeCommand(probed_); });
    probe->add_option("PATH", probed_, "the shared object")->required();
  }

  void AddAsking() {
    CLI::App* jobs = Add("jobs", "list the latest jobs", [this] {
      jobs_.common = common_;
      return JobsCommand(jobs_);
    });
    jobs->add_option("--limit", jobs_.limit, "how many")->capture_default_str();
    AddCommon(jobs);

    CLI::App* job = Add("job", "show one job", [this] {
      jobs_.common = common_;
      return JobCommand(jobs_);
    });
    job->alias("status");
    job->add_option("ID", jobs_.jobs, "job id")->required()->check(CheckNumber);
    AddCommon(job);

    CLI::App* wait = Add("wait", "wait until jobs have ended", [this] {
      wait_.common = common_;
      wait_.jobs = jobs_.jobs;
      if (wait_seconds_ >= 0) {
        wait_.timeout = std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(wait_seconds_));
      }
      return WaitCommand(wait_);
    });
    wait->add_option("ID", jobs_.jobs, "job ids")
        ->required()
        ->check(CheckNumber);
    wait->add_option("--timeout", wait_seconds_, "give up after these seconds")
        ->check(CLI::Range(0.0, 1e8));
    AddCommon(wait);

    CLI::App* cancel = Add("cancel", "cancel a job", [this] {
      cancel_.common = common_;
      return CancelCommand(cancel_);
    });
    cancel->add_option("ID", cancel_.job, "job id")
        ->required()
        ->check(CheckNumber);
    cancel->add_option("--reason", cancel_.reason, "for the record");
    AddCommon(cancel);

    AddVerdicts();
    CLI::App* agents = Add("agents", "list the agents",
                           [this] { return AgentsCommand(common_); });
    AddCommon(agents);
    CLI::App* version = Add("version", "print the version",
                            [this] { return VersionCommand(common_); });
    version->add_flag("--json", common_.json, "print JSON to stdout");
  }

  void AddVerdicts() {
    CLI::App* explain = AddLearning(
        "explain", "say why a job's executor, and whether it is the right one",
        [this] {
          jobs_.common = common_;
          return ExplainCommand(jobs_);
        });
    explain->add_option("ID", jobs_.jobs, "job id")
        ->required()
        ->check(CheckNumber)
        ->expected(1);
    CLI::App* advise = AddLearning(
        "advise", "the same of all kinds of work, worst first", [this] {
          advise_.common = common_;
          return AdviseCommand(advise_);
        });
    advise->add_option(
        "--lock", advise_.lock,
        "write what was learned to this lock file ('-': stdout)");
    for (CLI::App* sub : {explain, advise}) {
      AddCommon(sub);
      AddLearnt(sub);
    }
  }

  void AddTasks() {
    CLI::App* tasks = Add("tasks", "list a job's tasks", [this] {
      tasks_.common = common_;
      return TasksCommand(tasks_);
    });
    CLI::App* results = Add("results", "print outputs and errors", [this] {
      tasks_.common = common_;
      tasks_.outputs = true;
      return TasksCommand(tasks_);
    });
    for (CLI::App* sub : {tasks, results}) {
      sub->add_option("ID", tasks_.job, "job id")
          ->required()
          ->check(CheckNumber);
      sub->add_flag("--failed", tasks_.only_failed,
                    "only tasks that did not succeed");
      sub->add_option("--task", tasks_.task, "only this task")
          ->check(CheckNumber);
      AddCommon(sub);
    }
    CLI::App* logs = Add("logs", "print what a task wrote", [this] {
      logs_.common = common_;
      return LogsCommand(logs_);
    });
    logs->add_option("ID", logs_.job, "job id")->required()->check(CheckNumber);
    logs->add_option("--task", logs_.task, "index of the task")
        ->check(CheckNumber)
        ->capture_default_str();
    logs->add_flag("--stdout", logs_.only_stdout, "its stdout only");
    logs->add_flag("--stderr", logs_.only_stderr, "its stderr only");
    AddCommon(logs);
  }

  void AddServing() {
    CLI::App* coordinator =
        AddLearning("coordinator", "serve as coordinator",
                    [this] { return CoordinatorCommand(coordinator_); });
    coordinator
        ->add_option("--listen", coordinator_.listen,
                     "tcp://HOST:PORT or ipc://PATH; port 0 picks one and "
                     "prints it; off this machine it needs --keys")
        ->capture_default_str();
    coordinator->add_option("--keys", coordinator_.keys,
                            "folder made by keygen: only these keys are "
                            "admitted; SIGHUP reads its entries again");
    coordinator->add_option("--http", coordinator_.http,
                            "HOST:PORT for /metrics, /livez, /readyz");
    coordinator->add_option("--data", coordinator_.data, "folder of its state")
        ->required();
    coordinator
        ->add_option("--lease", coordinator_.lease,
                     "silence after which an agent is given up")
        ->capture_default_str();
    coordinator
        ->add_option("--durability", coordinator_.durability,
                     "full waits for the disk; relaxed survives a "
                     "crash of Remuda but not of the machine")
        ->check(CLI::IsMember({"full", "relaxed"}))
        ->capture_default_str();

    AddApi(coordinator);

    CLI::App* agent = AddLearning("agent", "serve as agent",
                                  [this] { return AgentCommand(agent_); });
    AddLearnt(coordinator);
    AddLearnt(agent);
    agent
        ->add_option("--coordinator", agent_.coordinator,
                     "its address (or REMUDA_COORDINATOR)")
        ->required(agent_.coordinator.empty());
    AddKey(agent, agent_.key);
    agent->add_option("--http", agent_.http,
                      "HOST:PORT for /metrics, /livez, /readyz");
    agent->add_option("--labels", agent_.labels, "as zone=a,disk=ssd");
    agent->add_option("--slots", agent_.slots,
                      "as process-pool=4,thread-pool=64,async=10000");
    agent
        ->add_option("--workers", agent_.workers,
                     "how many processes at most host a program's tasks on "
                     "async, and again on thread-pool; default: one a core")
        ->check(CLI::Range(uint64_t{1}, uint64_t{4096}));
    agent->add_option("--data", agent_.data, "folder of its spool and logs");
    agent->add_option("--name", agent_.name, "for people; default: host name");
    agent
        ->add_option("--drain", agent_.drain,
                     "how long SIGTERM lets running tasks finish")
        ->capture_default_str();
  }

  void AddWorkerCheck() {
    CLI::App* check =
        Add("worker-check", "check a worker against the worker protocol",
            [this] { return WorkerCheckCommand(worker_check_); });
    check->add_option("--mode", worker_check_.mode, "what to check it in")
        ->check(CLI::IsMember({"process", "threads", "loop", "all"}))
        ->capture_default_str();
    check->add_option("--type", worker_check_.type,
                      "job type of the tasks, for a worker without check.*; "
                      "may name {{check}} and {{mode}}");
    check->add_option("--parameters", worker_check_.parameters,
                      "their parameters as JSON, with {{arguments}}");
    check
        ->add_option("--patience", worker_check_.patience_seconds,
                     "seconds after which an answer counts as missing")
        ->check(CLI::Range(0.5, 3600.0))
        ->capture_default_str();
    check->add_flag("--json", worker_check_.json, "print JSON to stdout");
    check
        ->add_option("CMD", worker_check_.argv,
                     "the worker's command; after -- if it has options")
        ->required();
  }

  void AddBench() {
    CLI::App* bench = Add(
        "bench", "what Remuda does on this machine, in about a minute", [this] {
          bench_.common = common_;
          return BenchCommand(bench_);
        });
    bench
        ->add_option("--seconds", bench_.seconds_each,
                     "about how long each figure may take")
        ->check(CLI::Range(0.01, 600.0))
        ->capture_default_str();
    bench->add_option("--state", common_.state_folder,
                      "measure beside this folder, on its disk");
    bench->add_flag("--json", common_.json, "print JSON to stdout");
  }

  void AddKeygen() {
    CLI::App* keygen =
        Add("keygen", "make keys for connections off this machine",
            [this] { return KeygenCommand(keygen_); });
    keygen->add_option("DIR", keygen_.folder, "folder of the keys")->required();
    keygen->add_option("--agent", keygen_.agents, "name of an agent");
    keygen->add_option("--submitter", keygen_.submitters,
                       "who submits, and sees its own jobs");
    keygen->add_option("--viewer", keygen_.viewers, "who sees all jobs");
    keygen->add_option("--operator", keygen_.operators, "who may do all");
    keygen
        ->add_option("--sessions", keygen_.sessions,
                     "how many agents may use one of these keys at once")
        ->check(CLI::Range(1u, AllowEntry::kSessionsMax))
        ->capture_default_str();
    keygen->add_flag("--json", keygen_.json, "print JSON to stdout");
  }

  void AddApi(CLI::App* coordinator) {
    ApiCommandOptions& api = coordinator_.api;
    coordinator->add_option("--api", api.address,
                            "HOST:PORT of the API over HTTP; off this "
                            "machine it needs tokens and a certificate");
    coordinator->add_option("--api-tokens", api.tokens,
                            "folder made by token; SIGHUP reads it again");
    coordinator->add_option("--api-cert", api.certificate,
                            "PEM file of the API's certificate");
    coordinator->add_option("--api-cert-key", api.certificate_key,
                            "PEM file of that certificate's key");
    coordinator->add_option("--api-origin", api.origins,
                            "a web page that may ask, as https://HOST");

    CLI::App* token = Add("token", "make a token for the API",
                          [this] { return TokenCommand(token_); });
    token->add_option("DIR", token_.folder, "folder of the tokens")->required();
    token->add_option("--name", token_.name, "whose it is")->required();
    token
        ->add_option("--role", token_.role,
                     "submitter sees its own jobs, viewer sees all, operator "
                     "may do all")
        ->required();
  }

  CLI::App app_{"Remuda runs jobs on the executor that suits them.", "remuda"};
  std::function<ExitCode()> chosen_;
  CommonOptions common_{.coordinator = FromEnvironment("REMUDA_COORDINATOR"),
                        .key = FromEnvironment("REMUDA_KEY"),
                        .state_folder = DefaultStateFolder(),
                        .json = false};
  RunOptions run_;
  TryOptions try_;
  SubmitOptions submit_;
  TypesOptions types_;
  JobOptions jobs_;
  AdviseOptions advise_;
  WaitOptions wait_;
  double wait_seconds_ = -1;
  CancelOptions cancel_;
  TasksOptions tasks_;
  LogsOptions logs_;
  CoordinatorCommandOptions coordinator_;
  AgentCommandOptions agent_{.coordinator = common_.coordinator,
                             .key = common_.key};
  KeygenOptions keygen_;
  BenchOptions bench_;
  WorkerCheckOptions worker_check_;
  TokenOptions token_;
  std::vector<std::string> plugins_;
  std::vector<std::string> workers_;
  std::string probed_;
};

}  // namespace
}  // namespace remuda

int main(int argc, char** argv) {
  // Before anything else: these two hold a descriptor that the agent gave
  // them and must never open a context or a thread they do not need.
  if (argc >= 3 && std::strcmp(argv[1], "spawner") == 0) {
    return remuda::SpawnerMain(argc, argv);
  }
  if (argc >= 3 && std::strcmp(argv[1], "worker") == 0) {
    std::vector<std::string> plugins;
    for (int i = 3; i + 1 < argc; i += 2) {
      if (std::strcmp(argv[i], "--plugin") == 0) plugins.push_back(argv[i + 1]);
    }
    return remuda::WorkerMain(std::atoi(argv[2]), plugins);
  }
  remuda::RaiseDescriptorLimit();
  return remuda::CommandLine().Main(argc, argv);
}
