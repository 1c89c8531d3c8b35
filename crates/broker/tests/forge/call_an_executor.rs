//! An executor does nothing for a bare action.
fn go(executor: &dyn broker::Executor, action: domain::Action, context: broker::Context<'_>) {
    let _carried = executor.carry_out(action, context);
}

fn main() {}
