# shows: a limit is raised
# stopped by: resource limits
import resource, sys
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
sys.exit(0 if hard == resource.RLIM_INFINITY else 1)
