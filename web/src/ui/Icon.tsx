/** The pictures of the page, by what they say. They are never the only sign: a word stands beside each. */
import {
  Activity, ArrowDown, ArrowUp, BadgeCheck, BookOpen, Bot, Brain, Check, ChevronDown, ChevronRight, CircleDashed, CircleHelp, CircleOff,
  CircleStop, Clock, Copy, Cpu, ExternalLink, File, Globe, Hand, HardDrive, Keyboard, ListTree, Lock, LogOut, Mail, Menu, MessageSquare,
  Monitor, Moon, OctagonAlert, PanelRight, Plus, Quote, Reply, RotateCw, ScrollText, Send, Settings2, ShieldAlert, ShieldCheck,
  ShieldX, Sun, Swords, Terminal, TriangleAlert, User, Wifi, WifiOff, Wrench, X, type LucideIcon,
} from "lucide-react";

const ICONS = {
  trusted: ShieldCheck,
  attested: BadgeCheck,
  untrusted: ShieldAlert,
  allowed: Check,
  asked: Hand,
  refused: ShieldX,
  failed: TriangleAlert,
  off: CircleOff,
  running: CircleDashed,
  file: File,
  terminal: Terminal,
  globe: Globe,
  mail: Mail,
  machine: HardDrive,
  memory: Brain,
  reply: Reply,
  model: Bot,
  tool: Wrench,
  person: User,
  settings: Settings2,
  quote: Quote,
  chat: MessageSquare,
  audit: ScrollText,
  status: Activity,
  approvals: Hand,
  plus: Plus,
  menu: Menu,
  send: ArrowUp,
  down: ArrowDown,
  stop: CircleStop,
  close: X,
  copy: Copy,
  check: Check,
  open: ChevronDown,
  right: ChevronRight,
  out: ExternalLink,
  keys: Keyboard,
  help: CircleHelp,
  sun: Sun,
  moon: Moon,
  screen: Monitor,
  leave: LogOut,
  lock: Lock,
  clock: Clock,
  warning: OctagonAlert,
  online: Wifi,
  offline: WifiOff,
  again: RotateCw,
  panel: PanelRight,
  attack: Swords,
  try: ListTree,
  connect: Cpu,
  book: BookOpen,
  deliver: Send,
} as const satisfies Readonly<Record<string, LucideIcon>>;

export type IconName = keyof typeof ICONS;

/** A picture of `size` pixels; hidden from screen readers. */
export function Icon({ name, size = 16, className }: { readonly name: IconName; readonly size?: number; readonly className?: string }) {
  const Drawn = ICONS[name];
  return <Drawn size={size} strokeWidth={1.9} aria-hidden focusable={false} {...(className === undefined ? {} : { className })} />;
}

/** The mark of the product. */
export function Mark({ size }: { readonly size: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden focusable={false}>
      <rect width="32" height="32" rx="8" className="mark-ground" />
      <path
        className="mark-shell"
        strokeWidth="2"
        strokeLinejoin="round"
        d="M16 25.5c-1.6 0-2.6-.5-3.3-1.4C8.6 21.6 6 18 6 14.2 6 9.5 10.500 6 16 6s10 3.500 10 8.200c0 3.800-2.600 7.400-6.700 9.900-.7.9-1.700 1.400-3.300 1.400Z"
      />
      <path className="mark-ribs" strokeWidth="2" strokeLinecap="round" d="M16 22V11M12.600 20.600 10.300 12.500M19.400 20.600l2.300-8.100" />
    </svg>
  );
}
