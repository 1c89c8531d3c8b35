# shows: a folder is swapped for a link while a foreign file is asked for
# stopped by: root
import os, sys, threading
work = os.environ["WORKSPACE"]
inner, link = work + "/race", work + "/race-link"
os.makedirs(inner, exist_ok=True)
if not os.path.islink(link):
    os.symlink(os.environ["OUTSIDE"], link)
done = False
def swap():
    while not done:
        try:
            os.rename(inner, inner + "-aside")
            os.rename(link, inner)
            os.rename(inner, link)
            os.rename(inner + "-aside", inner)
        except OSError:
            pass
thread = threading.Thread(target=swap)
thread.start()
found = False
for _ in range(20000):
    try:
        if "DECOY" in open(inner + "/decoy").read():
            found = True
            break
    except OSError:
        pass
done = True
thread.join()
sys.exit(0 if found else 1)
